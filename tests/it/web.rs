//! What the web service promises beyond being there: the same bytes from any host, and relief when it has too much to do.
//! Needs root, as the lab does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};
use std::time::{Duration, SystemTime};

use reveille::lab::Cut;

use crate::watch::Owners;
use crate::world::World;

/// Says what it was asked.
const ECHO: &str = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nmethod %s\\nquery %s\\n' \"$REQUEST_METHOD\" \"$QUERY_STRING\"\ncat\n";

/// A program that answers when it is too late for anybody.
const SLOW: &str = "#!/bin/sh\nsleep 60\nprintf 'Content-Type: text/plain\\n\\nat last\\n'\n";

impl World {
    /// Everything a client gets for this, but for the time of day.
    fn answer(&self, path: &str, more: &[&str]) -> String {
        let url = format!("http://{}{path}", self.address);
        let argv = [&["curl", "-si", "-m", "3", &url], more].concat();
        let answer = self.client(&argv).unwrap_or_default();
        answer.lines().filter(|line| !line.starts_with("Date:")).collect::<Vec<_>>().join("\n")
    }

    /// Puts a CGI program on the shared folder.
    fn program(&self, name: &str, text: &str) {
        let file = self.lab.shared(&format!("cgi-bin/{name}"));
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(file, Permissions::from_mode(0o755)).unwrap();
    }

    fn answers(&self) -> [String; 3] {
        [
            self.answer("/book.txt", &[]),
            self.answer("/cgi-bin/echo?where=here&who=%C3%A9", &[]),
            self.answer("/cgi-bin/echo", &["--data-binary", "line 1\nline 2\n"]),
        ]
    }
}

#[test]
fn documents_and_programs_answer_the_same_from_any_host() {
    let Some(world) = World::deployed(3) else { return };
    let lines: Vec<String> =
        (0..20_000).map(|line| format!("{line} {:x}", line * 2_654_435_761_u64)).collect();
    let book = lines.join("\n");
    world.program("echo", ECHO);
    let file = world.lab.shared("www/book.txt");
    std::fs::write(&file, &book).unwrap();
    // Apache is not sure of a file that changed within the last second.
    let yesterday = SystemTime::now() - Duration::from_hours(24);
    std::fs::File::options().write(true).open(file).unwrap().set_modified(yesterday).unwrap();
    let before = world.answers();
    assert!(before[0].contains("200 OK") && before[0].ends_with(&book), "{:.300}", before[0]);
    assert!(before[1].contains("method GET\nquery where=here&who=%C3%A9"), "{}", before[1]);
    assert!(before[2].contains("method POST") && before[2].ends_with("line 1\nline 2"), "{}", before[2]);
    world.lab.cut("h1", Cut::Carrier).unwrap();
    world.ok(&["failover", "web"]);
    assert_eq!(world.served_by().as_deref(), Some("h2"));
    assert_eq!(world.answers(), before, "taken over");
    world.ok(&["switchover", "web", "--yes"]);
    assert_eq!(world.served_by().as_deref(), Some("h3"));
    assert_eq!(world.answers(), before, "moved");
}

/// Clients that wait for the slow program.
struct Crowd(Vec<Child>);

impl Crowd {
    fn come(world: &World, count: usize) -> Self {
        let url = format!("http://{}/cgi-bin/slow", world.address);
        let client = |_| {
            let mut curl = world.lab.command("client", ["curl", "-s", "-m", "60", &url]).unwrap();
            curl.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        };
        Self((0..count).map(client).collect())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for client in &mut self.0 {
            let _ = client.kill();
            let _ = client.wait();
        }
    }
}

#[test]
fn too_many_requests_at_once_move_it_to_another_host() {
    let few = |playbook: String| playbook.replace("match: apache2, above: 300", "match: slow, above: 20");
    let Some(world) = World::to_watch(3, few) else { return };
    world.program("slow", SLOW);
    let mut watching = world.watch(&[]);
    let owners = Owners::watch(&world);
    let _crowd = Crowd::come(&world, 30);
    watching.wait("service-verdict", &[("verdict", "overloaded"), ("host", "h1")]);
    watching.wait("began", &[("operation", "switchover")]);
    watching.wait("moved", &[("primary", "h2")]);
    assert_eq!(world.served_by().as_deref(), Some("h2"));
    let left = world.lab.sh("h1", "pgrep -c '^slow$' || true").unwrap();
    assert_eq!(left.trim(), "0", "what was too much for it is gone");
    owners.were_one();
}
