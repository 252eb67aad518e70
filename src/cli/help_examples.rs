//! An example or two for each command, shown below its long help. A test parses each of them.

/// Lines as one would type them, and why.
pub type Examples = &'static [(&'static str, &'static str)];

/// By the command's path: `lab up`; the empty one is `reveille` itself.
pub const EXAMPLES: &[(&str, Examples)] = &[
    (
        "",
        &[
            ("reveille", "what to do next, where you are"),
            ("reveille init mysite", "a site to begin with"),
            ("reveille -q watch --once", "one round, for cron"),
            ("REVEILLE_INVENTORY=inventory/lab.yml reveille status", "other hosts"),
        ],
    ),
    (
        "init",
        &[
            ("reveille init", "into this folder"),
            ("reveille init mysite --service wiki", "with playbooks/wiki.yml"),
        ],
    ),
    (
        "import",
        &[
            ("reveille import site.yml >playbooks/web.yml", "its tasks prepare a host"),
            ("reveille import start.yml --phase sleep", "its tasks put the copy to sleep"),
        ],
    ),
    (
        "check",
        &[
            ("reveille check", "every mistake, each at its place"),
            ("reveille check --json -i hosts.yml", "as a document, with another inventory"),
        ],
    ),
    ("doctor", &[("reveille doctor", "every host"), ("reveille doctor web", "those where web may run")]),
    (
        "inventory",
        &[
            ("reveille inventory --graph", "groups and hosts as a tree"),
            ("reveille inventory --explain h1.docroot", "where a value comes from"),
        ],
    ),
    (
        "deploy",
        &[
            ("reveille deploy web -C", "only show the plan"),
            ("reveille deploy web mail --to h1", "both on h1, their copies elsewhere"),
        ],
    ),
    (
        "failover",
        &[
            ("reveille failover web", "to the secondary"),
            ("reveille failover web mail --yes", "both, and ask nothing"),
        ],
    ),
    (
        "switchover",
        &[
            ("reveille switchover web", "to the secondary"),
            ("reveille switchover web --to h3", "to h3, which gets a copy first"),
        ],
    ),
    ("reprotect", &[("reveille reprotect web", "a new secondary; cleans hosts that came back")]),
    ("teardown", &[("reveille teardown web --yes", "off all its hosts, and ask nothing")]),
    (
        "plan",
        &[
            ("reveille plan deploy web", "what would be done, and why there"),
            ("reveille plan failover web -o fo.plan", "keep it: reveille apply fo.plan"),
            ("reveille plan failover web --diff fo.plan", "what is different by now"),
            ("reveille plan failover web --format dot | dot -Tsvg", "as a picture"),
        ],
    ),
    (
        "show",
        &[
            ("reveille show fo.plan", "as text"),
            ("reveille show fo.plan --format mermaid", "as a graph for a page"),
        ],
    ),
    (
        "apply",
        &[
            ("reveille apply fo.plan -C", "only say whether it would be applied"),
            ("reveille apply fo.plan --yes", "exactly that, once"),
        ],
    ),
    ("status", &[("reveille status", "tables"), ("reveille status --json", "a document")]),
    (
        "facts",
        &[
            ("reveille facts", "every host"),
            ("reveille facts -o facts.json", "keep them for plan and whatif"),
        ],
    ),
    (
        "whatif",
        &[
            ("reveille whatif --down h1,h2", "these two at once"),
            ("reveille whatif --all-pairs --facts facts.json", "any two, without a connection"),
        ],
    ),
    (
        "watch",
        &[
            ("reveille watch", "until told to stop"),
            ("reveille watch --once -q", "one round, for cron"),
            ("reveille watch --mode plan-only --listen 9464", "acts nowhere; page and metrics"),
        ],
    ),
    (
        "explain",
        &[
            ("reveille explain web", "why it is moved or left alone"),
            ("reveille explain web --at 03:12", "what was known and done then"),
        ],
    ),
    ("replay", &[("reveille replay night.tape", "what `watch --record night.tape` wrote")]),
    (
        "drill",
        &[
            ("reveille drill web --fault cut --quick", "a few minutes"),
            ("reveille drill web mail -o rounds.json", "hours; the same command goes on"),
        ],
    ),
    (
        "drill wake",
        &[
            ("reveille drill wake web", "proves that the copy wakes"),
            ("reveille drill wake web -C", "only show the plan"),
        ],
    ),
    (
        "drill report",
        &[("reveille drill report rounds.json --html drill.html", "tables, and a page with plots")],
    ),
    (
        "history",
        &[
            ("reveille history", "the last fifty happenings"),
            ("reveille history web --last 10", "of one service"),
        ],
    ),
    ("report", &[("reveille report", "the last run"), ("reveille report 20261123T --format json", "")]),
    (
        "diff",
        &[
            ("reveille diff 1f0c", "that run beside the last one"),
            ("reveille diff 1f0c 587b", "two runs, by the ends of their names"),
        ],
    ),
    ("recover", &[("reveille recover -C", "only say what would be done"), ("reveille recover", "")]),
    ("confirm-dead", &[("reveille confirm-dead h1 --because 'plug pulled, Ada'", "")]),
    (
        "pause",
        &[
            ("reveille pause web --for 2h --because 'new disk'", "a service"),
            ("reveille pause --because 'network work'", "the whole site, until resume"),
        ],
    ),
    ("resume", &[("reveille resume web", "a service"), ("reveille resume", "the whole site")]),
    ("ack", &[("reveille ack web", "what went wrong is understood")]),
    ("depose", &[("reveille depose --because 'its host is to be rebooted'", "")]),
    ("audit", &[("reveille audit verify", "every journal of the site")]),
    (
        "audit verify",
        &[
            ("reveille audit verify", "every journal of the site"),
            ("reveille audit verify /backup/runs", "journals somewhere else"),
        ],
    ),
    (
        "audit rotate",
        &[
            ("reveille audit rotate --keep 400d --to /backup/runs -C", "only name them"),
            ("reveille audit rotate --keep 400d --to /backup/runs", "move old journals there"),
        ],
    ),
    (
        "schema",
        &[
            ("reveille schema >schema/playbook.json", "of playbooks"),
            ("reveille schema settings", "of reveille.yml"),
        ],
    ),
    ("completions", &[("reveille completions bash >/etc/bash_completion.d/reveille", "")]),
    (
        "man",
        &[
            ("reveille man | man -l -", "read the first page"),
            ("reveille man /usr/local/share/man/man1", "write all of them"),
        ],
    ),
    (
        "sim",
        &[
            ("reveille sim --seeds 1000", "a thousand histories"),
            ("reveille sim --seed 7 -v", "one of them, told whole"),
        ],
    ),
    (
        "lab",
        &[
            ("reveille lab up --hosts 4", "h1 to h4, and inventory/lab.yml"),
            ("reveille lab cut h1", "what a pulled cable does"),
            ("reveille lab down", "all of it is gone"),
        ],
    ),
    (
        "lab up",
        &[
            ("reveille lab up --hosts 6 --systemd", "each with a systemd of its own"),
            ("reveille lab up --subnet 10.90.0.0/24 --dir /run/lab2", "a second lab"),
        ],
    ),
    ("lab down", &[("reveille lab down", "")]),
    (
        "lab cut",
        &[
            ("reveille lab cut h1", "its cable is out"),
            ("reveille lab cut h1 --silent", "its switch drops everything"),
        ],
    ),
    ("lab heal", &[("reveille lab heal h1", "")]),
    ("lab crash", &[("reveille lab crash h1", "its power is gone")]),
    ("lab boot", &[("reveille lab boot h1", "")]),
    ("lab freeze", &[("reveille lab freeze h1", "its processes stand still")]),
    ("lab thaw", &[("reveille lab thaw h1", "")]),
    (
        "lab exec",
        &[
            ("reveille lab exec h1 ip addr", "on a host's console"),
            ("reveille lab exec client curl -s http://10.83.0.80/", "as a client"),
        ],
    ),
    ("lab status", &[("reveille lab status", "hosts, and what was done to them")]),
    ("lab share-site", &[("reveille lab share-site", "")]),
    (
        "lab meter",
        &[
            ("reveille lab meter --http http://10.83.0.80/ --for 30s", "a page"),
            ("reveille lab meter --smtp 10.83.0.81 --every 50ms", "a greeting"),
        ],
    ),
];
