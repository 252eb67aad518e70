//! Groups and hosts, and the rules that tie them together: one root, no cycles, nobody outside a group.
//!
//! What `load` calls and `vars_files` fill it; everything else only reads it.

use std::path::PathBuf;

use indexmap::{IndexMap, IndexSet};

use crate::site::diagnostic::Diagnostic;
use crate::site::id::HostName;
use crate::site::playbook::VarMap;
use crate::site::source::Span;

/// The group of every host.
pub(super) const ALL: &str = "all";
/// The group of the hosts that no other group names.
pub(super) const UNGROUPED: &str = "ungrouped";

/// A named set of hosts; its variables hold for all of them.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Groups below, and where each was put there.
    pub(super) children: IndexMap<String, Option<Span>>,
    /// Hosts named in this group itself, in order of appearance.
    pub(super) hosts: IndexSet<HostName>,
    /// Variables written in the inventory.
    pub(super) vars: VarMap,
    /// Variables from `group_vars/`, one map for each file.
    pub(super) files: Vec<VarsFile>,
    /// Of groups equally deep the higher wins.
    pub(super) priority: i64,
    /// Steps down from `all`, by the longest way.
    pub(super) depth: usize,
    /// Every group above.
    pub(super) ancestors: IndexSet<String>,
}

/// A machine, under the name the inventory gives it.
#[derive(Clone, Debug)]
pub struct Host {
    /// Where the host is first named.
    pub span: Span,
    /// Variables written in the inventory.
    pub(super) vars: VarMap,
    /// Variables from `host_vars/`, one map for each file.
    pub(super) files: Vec<VarsFile>,
    /// Every group of the host but `all`, weakest first.
    pub(super) groups: Vec<String>,
}

/// One file of variables, and which of the inventory's sources it lies beside.
#[derive(Clone, Debug)]
pub(super) struct VarsFile {
    pub source: usize,
    pub vars: VarMap,
}

/// All hosts and groups of one or several inventory files.
#[derive(Clone, Debug)]
pub struct Inventory {
    pub(super) groups: IndexMap<String, Group>,
    pub(super) hosts: IndexMap<HostName, Host>,
    /// Folders whose `group_vars/` and `host_vars/` count, weakest first.
    pub(super) folders: Vec<PathBuf>,
}

impl Default for Inventory {
    fn default() -> Self {
        Self::empty()
    }
}

impl Inventory {
    /// The inventory in which nothing is written: `all` and `ungrouped`, without hosts.
    pub(super) fn empty() -> Self {
        let mut inventory = Self { groups: IndexMap::new(), hosts: IndexMap::new(), folders: Vec::new() };
        inventory.add_group(ALL);
        inventory.add_group(UNGROUPED);
        inventory.groups[ALL].children.insert(UNGROUPED.to_owned(), None);
        inventory
    }

    /// Every host, in order of appearance.
    pub fn hosts(&self) -> impl Iterator<Item = &HostName> {
        self.hosts.keys()
    }

    /// The host of that name.
    pub fn host(&self, name: &HostName) -> Option<&Host> {
        self.hosts.get(name)
    }

    /// Every group's name, in order of appearance, `all` first.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(String::as_str)
    }

    /// The groups of a host without `all`, sorted by name: Ansible's `group_names`.
    pub fn group_names(&self, host: &HostName) -> Vec<&str> {
        let groups = self.hosts.get(host).map_or(&[][..], |host| host.groups.as_slice());
        let mut names: Vec<_> = groups.iter().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// Every host of a group and of the groups below it: the group's own first, then level by level.
    pub fn members(&self, group: &str) -> Vec<&HostName> {
        let mut seen = IndexSet::new();
        for group in self.descendants(group) {
            seen.extend(self.groups[group].hosts.iter());
        }
        seen.into_iter().collect()
    }

    /// The group and every group below, level by level.
    fn descendants<'a>(&'a self, group: &str) -> IndexSet<&'a str> {
        let mut found: IndexSet<&str> = IndexSet::new();
        found.extend(self.groups.get_key_value(group).map(|(name, _)| name.as_str()));
        let mut next = 0;
        while let Some(name) = found.get_index(next).copied() {
            found.extend(self.groups[name].children.keys().map(String::as_str));
            next += 1;
        }
        found
    }

    pub(super) fn has_group(&self, name: &str) -> bool {
        self.groups.contains_key(name)
    }

    pub(super) fn add_group(&mut self, name: &str) -> &mut Group {
        self.groups.entry(name.to_owned()).or_insert_with(|| Group { priority: 1, ..Group::default() })
    }

    /// Adds the host to the group. Its first mention gives it its port and its place in the order.
    pub(super) fn add_host(
        &mut self,
        name: &HostName,
        group: &str,
        port: Option<u16>,
        span: Span,
    ) -> &mut Host {
        self.add_group(group).hosts.insert(name.clone());
        self.hosts.entry(name.clone()).or_insert_with(|| Host::new(span, port))
    }

    /// Puts `child` below `parent`, unless that would close a circle.
    pub(super) fn add_child(&mut self, parent: &str, child: &str, span: Span) -> Result<(), Box<Diagnostic>> {
        if child == ALL {
            let message = "`all` holds every group and cannot be inside one";
            return Err(Box::new(Diagnostic::error("group-cycle", span, message)));
        }
        if let Some(way) = self.way_down(child, parent) {
            return Err(Box::new(self.cycle(&way, span)));
        }
        self.add_group(child);
        self.add_group(parent).children.entry(child.to_owned()).or_insert(Some(span));
        Ok(())
    }

    /// The shortest chain of groups from `from` down to `to`, both included.
    fn way_down(&self, from: &str, to: &str) -> Option<Vec<String>> {
        let mut parents: IndexMap<&str, Option<usize>> = IndexMap::new();
        parents.extend(self.groups.get_key_value(from).map(|(name, _)| (name.as_str(), None)));
        let mut next = 0;
        while let Some(name) = parents.get_index(next).map(|(name, _)| *name) {
            if name == to {
                let up = std::iter::successors(Some(next), |at| parents[*at]);
                let way = up.filter_map(|at| parents.get_index(at)).map(|(name, _)| (*name).to_owned());
                return Some(way.collect::<Vec<_>>().into_iter().rev().collect());
            }
            for child in self.groups[name].children.keys() {
                parents.entry(child).or_insert(Some(next));
            }
            next += 1;
        }
        None
    }

    fn cycle(&self, way: &[String], closing: Span) -> Diagnostic {
        let [first, .., last] = way else { return own_child(way, closing) };
        let message = format!("groups contain each other: {} → {first}", way.join(" → "));
        let start = Diagnostic::error("group-cycle", closing, message)
            .label(format!("`{last}` contains `{first}`, which closes the circle"));
        way.windows(2).fold(start, |diagnostic, edge| {
            let place = self.groups.get(&edge[0]).and_then(|group| *group.children.get(&edge[1])?);
            match place {
                Some(span) => diagnostic.related(span, format!("`{}` contains `{}`", edge[0], edge[1])),
                None => diagnostic,
            }
        })
    }

    /// Ties up what one file alone cannot know, once all files are read.
    pub(super) fn settle(&mut self) {
        self.adopt_groups();
        self.measure();
        self.place_ungrouped();
        self.order_groups_of_hosts();
    }

    /// A group that nothing contains is inside `all`.
    fn adopt_groups(&mut self) {
        let contained: IndexSet<String> =
            self.groups.values().flat_map(|group| group.children.keys().cloned()).collect();
        let orphans: Vec<String> =
            self.groups.keys().filter(|name| *name != ALL && !contained.contains(*name)).cloned().collect();
        self.groups[ALL].children.extend(orphans.into_iter().map(|name| (name, None)));
    }

    /// Depth and ancestors of every group, parents before children.
    fn measure(&mut self) {
        for name in self.parents_first() {
            let group = &self.groups[&name];
            let (depth, children) = (group.depth + 1, group.children.clone());
            let mut above = group.ancestors.clone();
            above.insert(name);
            for child in children.keys() {
                let child = &mut self.groups[child];
                child.depth = child.depth.max(depth);
                child.ancestors.extend(above.iter().cloned());
            }
        }
    }

    fn parents_first(&self) -> Vec<String> {
        let mut waiting: IndexMap<&str, usize> = self.groups.keys().map(|name| (name.as_str(), 0)).collect();
        for child in self.groups.values().flat_map(|group| group.children.keys()) {
            waiting[child.as_str()] += 1;
        }
        let mut order: Vec<&str> = vec![ALL];
        let mut next = 0;
        while let Some(name) = order.get(next).copied() {
            for child in self.groups[name].children.keys() {
                waiting[child.as_str()] -= 1;
                if waiting[child.as_str()] == 0 {
                    order.push(child);
                }
            }
            next += 1;
        }
        order.into_iter().map(str::to_owned).collect()
    }

    /// Hosts that only `all` names are `ungrouped`; hosts that another group names are not.
    fn place_ungrouped(&mut self) {
        let mut grouped: IndexSet<HostName> = IndexSet::new();
        for (name, group) in &self.groups {
            let is_other = name != ALL && name != UNGROUPED;
            // A host of `ungrouped` is grouped after all when `ungrouped` itself was put below some group.
            let is_below = name == UNGROUPED && group.ancestors.len() > 1;
            if is_other || is_below {
                grouped.extend(group.hosts.iter().cloned());
            }
        }
        let alone: Vec<_> = self.hosts.keys().filter(|host| !grouped.contains(*host)).cloned().collect();
        let ungrouped = &mut self.groups[UNGROUPED].hosts;
        ungrouped.retain(|host| !grouped.contains(host));
        ungrouped.extend(alone);
    }

    fn order_groups_of_hosts(&mut self) {
        let mut of_hosts: IndexMap<HostName, IndexSet<&str>> = IndexMap::new();
        for (name, group) in self.groups.iter().filter(|(name, _)| *name != ALL) {
            for host in &group.hosts {
                let groups = of_hosts.entry(host.clone()).or_default();
                groups.insert(name);
                groups.extend(group.ancestors.iter().map(String::as_str).filter(|name| *name != ALL));
            }
        }
        for (host, groups) in of_hosts {
            let mut groups: Vec<&str> = groups.into_iter().collect();
            groups.sort_by_key(|name| (self.groups[*name].depth, self.groups[*name].priority, *name));
            self.hosts[&host].groups = groups.into_iter().map(str::to_owned).collect();
        }
    }
}

fn own_child(way: &[String], closing: Span) -> Diagnostic {
    Diagnostic::error("group-cycle", closing, format!("group `{}` contains itself", way.concat()))
}

impl Host {
    fn new(span: Span, port: Option<u16>) -> Self {
        let mut vars = VarMap::new();
        if let Some(port) = port {
            vars.insert("ansible_port".to_owned(), crate::site::source::Sp::new(port.into(), span));
        }
        Self { span, vars, files: Vec::new(), groups: Vec::new() }
    }
}
