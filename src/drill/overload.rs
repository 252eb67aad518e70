//! Makes a host overloaded by the service's own measure: the first of its overload rules that can be made in a lab.

use anyhow::{Result, bail};

use super::armed::Armed;
use crate::lab::Lab;
use crate::site::playbook::{OverloadRule, Playbook};

/// Real processes of that name: copies of the shell, forked and left waiting.
const PROCESSES: &str = include_str!("processes.sh");
/// As many files at once, renamed into the folder from one beside it.
const QUEUE: &str = include_str!("queue.sh");

/// How a service is overloaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// The rule's name in the playbook.
    pub rule: String,
    means: Means,
    /// The rule must hold for so many rounds.
    pub rounds: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Means {
    Processes { name: String, count: u32 },
    Queue { path: String, count: u32 },
}

impl Way {
    /// The first rule that can be made to hold. The load average cannot: all hosts of a lab have that of the machine.
    ///
    /// # Errors
    /// There is none.
    pub fn choose(playbook: &Playbook) -> Result<Self> {
        let mut ways = playbook.overload.iter().filter_map(|(name, rule)| {
            let means = means(&rule.value)?;
            Some(Self { rule: name.clone(), means, rounds: rule.value.rounds })
        });
        match ways.next() {
            Some(way) => Ok(way),
            None => bail!(
                "{} has no overload rule that a lab can make to hold: neither `processes` nor `queue`",
                playbook.service.value
            ),
        }
    }

    /// In words.
    pub fn how(&self) -> String {
        let what = match &self.means {
            Means::Processes { name, count } => format!("{count} more processes named {name}"),
            Means::Queue { path, count } => format!("{count} more files in {path}"),
        };
        format!("{what} (rule `{}`)", self.rule)
    }

    /// Prepares it on a host.
    ///
    /// # Errors
    /// The host is off.
    pub fn arm(&self, lab: &Lab, host: &str) -> Result<Armed> {
        match &self.means {
            Means::Processes { name, count } => {
                Armed::start(lab, host, PROCESSES, &[name, &count.to_string()])
            }
            Means::Queue { path, count } => Armed::start(lab, host, QUEUE, &[path, &count.to_string()]),
        }
    }
}

/// `None` for a rule that cannot be made to hold here.
fn means(rule: &OverloadRule) -> Option<Means> {
    if let Some(processes) = &rule.processes {
        let (name, count) = (processes.value.name.clone(), processes.value.above + 1);
        return Some(Means::Processes { name, count });
    }
    let queue = &rule.queue.as_ref()?.value;
    Some(Means::Queue { path: queue.path.clone(), count: queue.above + 1 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::Site;
    use crate::site::load::LoadOptions;

    fn way(overload: &str) -> Result<Way> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("playbooks")).unwrap();
        let text = format!(
            "service: web\nhosts: all\nprobes: {{ page: {{ http: \"http://h/\" }} }}\noverload: {overload}\n\
             detection: {{ timeout: 500ms }}\n"
        );
        std::fs::write(folder.path().join("playbooks/web.yml"), text).unwrap();
        let (site, _) = Site::load(folder.path(), &LoadOptions::default());
        Way::choose(&site.playbooks[0])
    }

    #[test]
    fn the_first_rule_that_can_be_made_is_taken() {
        let taken =
            way("{ load: { load_per_cpu: 4.0 }, q: { queue: { path: /q, above: 9 }, for: 2 } }").unwrap();
        assert_eq!((taken.how().as_str(), taken.rounds), ("10 more files in /q (rule `q`)", 2));
        let taken = way("{ procs: { processes: { match: apache2, above: 300 } } }").unwrap();
        assert_eq!(taken.how(), "301 more processes named apache2 (rule `procs`)");
    }

    #[test]
    fn a_rule_that_no_lab_can_make_is_refused() {
        let refused = way("{ load: { load_per_cpu: 4.0 } }").unwrap_err();
        assert!(refused.to_string().starts_with("web has no overload rule"), "{refused}");
    }
}
