//! Which programs read an argument as code, and which run the command that follows them. Tables alone; read by
//! [`super::command`].

/// Runs the argument as shell after `-c`.
pub(super) const SHELLS: &[&str] =
    &["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "rbash", "hush", "fish"];

/// Other languages: the options after which a program follows.
pub(super) const INTERPRETERS: &[(&[&str], &[char])] = &[
    (&["perl"], &['e', 'E']),
    (&["python", "python2", "python3"], &['c']),
    (&["ruby", "lua", "Rscript"], &['e']),
    (&["node", "nodejs"], &['e', 'p']),
    (&["php"], &['r']),
];

/// Commands of which every argument may be code or the name of a variable to evaluate.
pub(super) const CODE: &[(&[&str], &str)] = &[
    (&["eval"], "run the command itself, without `eval`"),
    (&["trap"], "put the value in a variable first (`v={{ v }}`) and use `\"$v\"` in the trap"),
    (&["alias"], "use a function, and pass the value as its argument"),
    (&["ssh", "slogin", "rsh", "autossh"], "use `delegate_to:` to run a step on another host"),
    (&["su", "sg", "runuser"], "use `become_user:`"),
    (&["watch", "parallel"], "it joins its arguments and gives them to a shell: call the program itself"),
    (&["let", "[["], "use `[ … ]`, where a value is only compared"),
    (&["declare", "typeset"], "assign plainly: `name={{ v }}`"),
    (&["read", "unset"], "name the variable in the text"),
];

/// Commands that run the command after them: options that take a word, and words that come before that command.
pub(super) const WRAPPERS: &[(&str, &str, usize)] = &[
    ("sudo", "ugpCThrtUDR", 0),
    ("doas", "uC", 0),
    ("env", "uC", 0),
    ("nohup", "", 0),
    ("setsid", "", 0),
    ("exec", "a", 0),
    ("command", "", 0),
    ("builtin", "", 0),
    ("time", "fo", 0),
    ("nice", "n", 0),
    ("ionice", "cnpPu", 0),
    ("timeout", "sk", 1),
    ("stdbuf", "ioe", 0),
    ("chroot", "", 1),
    ("flock", "wE", 1),
    ("xargs", "aEILnPsd", 0),
    ("busybox", "", 0),
    ("toybox", "", 0),
    ("taskset", "", 1),
    ("chrt", "TPD", 1),
    ("nsenter", "tSG", 0),
    ("unshare", "SGR", 0),
    ("setpriv", "", 0),
    ("strace", "eopusSaEIPXbO", 0),
    ("systemd-run", "pEuMHt", 0),
    ("systemd-inhibit", "", 0),
    ("sshpass", "pfdP", 0),
];

/// Long options of those that take the next word.
pub(super) const LONG_WITH_WORD: &[&str] = &[
    "--user",
    "--group",
    "--host",
    "--chdir",
    "--signal",
    "--kill-after",
    "--adjustment",
    "--unset",
    "--chroot",
];

/// Words after which a command begins.
pub(super) const RESERVED: &[&str] = &["if", "then", "elif", "else", "while", "until", "do", "!", "{"];

pub(super) const POSITIONAL: &str = "pass it as a positional parameter: `sh -c '… \"$1\" …' _ {{ v }}`";
