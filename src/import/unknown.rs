//! Modules of Ansible's that reveille has nothing like, and what to do instead. Pure text.

const PACKAGES: &str =
    "packages are installed beforehand, with Ansible say; `reveille doctor` names programs that are missing";
const ACCOUNTS: &str =
    "users and groups are made beforehand; a step can set `owner` and `group`, or run as `become_user`";
const EDITS: &str =
    "a file is written whole, by `template` or `copy`; a part of one by a `shell` step that looks first";
const FETCHED: &str = "put the file below the site's files/ and `copy` it, or use a `command` with `creates`";
const RULES: &str =
    "a `command` step with an `undo` of its own; see also `address`, which drops traffic by itself";
const ASKING: &str = "`register` what a `command` with `changed_when: false` prints";
const THINKING: &str =
    "write the value into `vars`; of a step's result, read `RESULT.stdout` where it is needed";
const OTHER_FILES: &str = "import that file by itself, and copy its steps to this place";

const INSTEAD: &[(&[&str], &str)] = &[
    (
        &[
            "apt",
            "package",
            "yum",
            "dnf",
            "dnf5",
            "apk",
            "pacman",
            "zypper",
            "pip",
            "npm",
            "gem",
            "snap",
            "apt_key",
            "apt_repository",
            "deb822_repository",
            "yum_repository",
            "rpm_key",
            "debconf",
            "dpkg_selections",
        ],
        PACKAGES,
    ),
    (&["user", "group", "authorized_key", "known_hosts", "getent", "pam_limits"], ACCOUNTS),
    (&["lineinfile", "blockinfile", "replace", "ini_file", "assemble", "xml", "json_patch"], EDITS),
    (&["get_url", "unarchive", "git", "fetch", "slurp", "synchronize", "s3_object"], FETCHED),
    (&["ufw", "iptables", "firewalld", "nmcli", "seboolean", "sefcontext", "selinux"], RULES),
    (&["stat", "find", "service_facts", "package_facts", "command_facts"], ASKING),
    (&["set_fact", "include_vars", "add_host", "group_by", "set_stats"], THINKING),
    (
        &["include_tasks", "import_tasks", "include_role", "import_role", "include", "import_playbook"],
        OTHER_FILES,
    ),
    (&["debug"], "what a step printed is shown by `-v` and kept in the journal"),
    (&["assert", "fail"], "a `command` step that fails, or `failed_when` where the value is registered"),
    (&["setup", "gather_facts", "ping"], "not needed: hosts are asked for facts before each plan"),
    (&["pause"], "nobody may be there to answer at night; to wait for something, `wait_for` or `retries`"),
    (&["meta"], "there is nothing to flush or to end: steps run as their `needs` say"),
    (&["raw", "script"], "a `shell` step, or `copy` the script and run it by `command`"),
    (&["reboot"], "an operation needs its hosts; reboot them one by one, after `reveille switchover`"),
    (&["cron", "at"], "`copy` a file to /etc/cron.d, and take it away in teardown"),
    (&["hostname", "timezone", "locale_gen"], "it belongs to the host, and not to a service that moves"),
    (&["expect"], "nobody is there to answer: give the program a flag or a file"),
];

/// Why a module is not carried, and what to do.
pub(super) fn instead(module: &str) -> String {
    let known = INSTEAD.iter().find(|(names, _)| names.contains(&module));
    known.map_or_else(
        || {
            "reveille has no such module: use `command` or `shell` with `creates`, or do it beforehand"
                .to_owned()
        },
        |(_, why)| (*why).to_owned(),
    )
}
