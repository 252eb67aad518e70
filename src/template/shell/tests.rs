//! The promise is about real shells, so real shells are asked: each text is run by `sh`, and by `bash` where there is
//! one, in an empty folder where a value that became code would leave a file.

use std::path::Path;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::template::ErrorKind;

/// Author's texts and what each prints for the value `V`.
const DATA: &[(&str, &str)] = &[
    ("printf '<%s>' {{ v }}", "<V>"),
    ("printf '<%s>' {{ v | safe }}", "<V>"),
    ("printf '<%s>' {{ v | quote }}", "<V>"),
    ("printf '<%s>' a{{ v }}b{{ v }}", "<aVbV>"),
    ("printf '<%s>' \"{{ v }}\"", "<V>"),
    ("printf '<%s>' \"a {{ v }} 'b' {{ v }}\"", "<a V 'b' V>"),
    ("printf '<%s>' 'a {{ v }} \"b\" $(c)'", "<a V \"b\" $(c)>"),
    ("printf '<%s>' --opt={{ v }} --opt=\"{{ v }}\" --opt='{{ v }}'", "<--opt=V><--opt=V><--opt=V>"),
    ("x={{ v }}; printf '<%s>' \"$x\"", "<V>"),
    ("x=\"{{ v }}\" y=1; printf '<%s>' \"$x\"", "<V>"),
    ("x=1 y={{ v }}\nprintf '<%s>' \"$x$y\"", "<1V>"),
    ("x=1; printf '<%s>' \"$x{{ v }}\" $x{{ v }} \"${x}{{ v }}\"", "<1V><1V><1V>"),
    ("printf '<%s>' \"$(printf '%s.' {{ v }})\"", "<V.>"),
    ("printf '<%s>' \"$(printf '%s.' \"{{ v }}\" '{{ v }}')\"", "<V.V.>"),
    ("printf '<%s>' \"$(printf '%s.' \"$(printf '%s.' \"{{ v }}\")\")\"", "<V..>"),
    ("x=$(printf '%s.' {{ v }}) # it's {{ v }}\nprintf '<%s>' \"$x\"", "<V.>"),
    ("# \"{{ v }}\n# {{ v }}\nprintf '<%s>' {{ v }} # {{ v }}", "<V>"),
    ("printf '<%s>' a#{{ v }} # {{ v }}", "<a#V>"),
    ("printf '<%s>' \\\n  {{ v }} \\\n  \"{{ v }}\"", "<V><V>"),
    ("case {{ v }} in {{ v }}) printf '<%s>' {{ v }} ;; *) printf no ;; esac", "<V>"),
    ("case x in y) ;; x) printf '<%s>' \"{{ v }}\" ;; esac", "<V>"),
    ("if [ {{ v }} = \"{{ v }}\" ]; then printf '<%s>' {{ v }}; fi", "<V>"),
    ("for i in {{ v }} {{ v }}; do printf '<%s>' \"$i\"; done", "<V><V>"),
    ("(printf '<%s>' {{ v }}; printf '<%s>' \"{{ v }}\") | cat", "<V><V>"),
    ("f() { printf '<%s>' \"$1\"; }; f {{ v }}", "<V>"),
    ("sh -c 'printf \"<%s>\" \"$1\"' _ {{ v }}", "<V>"),
    ("env A={{ v }} sh -c 'printf \"<%s>\" \"$A\"'", "<V>"),
    ("printf '%s' {{ v }} | xargs -0 -n1 printf '<%s>'", "<V>"),
    ("printf '<%s>' $((1 + (2 * 3))){{ v }} {% raw %}${#x}{% endraw %}{{ v }}", "<7V><0V>"),
    ("printf '<%s>' {{ v }} 2>&1 >/dev/stdout", "<V>"),
    ("{% if true %}printf '<%s>' \"{% endif %}{{ v }}\"", "<V>"),
    ("printf '<%s>' {% for i in [1, 2] %}\"{{ v }}{{ i }}\" {% endfor %}", "<V1><V2>"),
    ("printf '<%s>' {{ [v, v] | sh_join }} {{ [] | sh_join }}", "<V><V>"),
    ("printf '<%s>' {{ [v] | to_json }} | grep -c . >/dev/null; printf '<%s>' {{ v }}", "<V>"),
    ("printf '<%s>' {{ '' }}{{ v }}{{ '' if false }}", "<V>"),
    ("printf '<%s>' \"cost $\" \"\\$(x) {{ v }}\" \\$\\'{{ v }}", "<cost $><$(x) V><$'V>"),
    ("printf '<%s>' {{ v }}; cat <<'E'\n'\"`$(\nE", "<V>'\"`$(\n"),
];

/// Author's texts in which a value has no safe place, and a word of the reason.
const REFUSED: &[(&str, &str)] = &[
    ("echo `echo {{ v }}`", "backquotes"),
    ("echo \"`echo {{ v }}`\"", "backquotes"),
    ("echo `date`; echo {{ v }}", "backquotes"),
    ("echo ${x:-{{ v }}}", "${…}"),
    ("echo \"${x:-{{ v }}}\"", "${…}"),
    ("echo ${x:-\"a\"} {{ v }}", "${…}"),
    ("echo $(({{ v }} + 1))", "((…))"),
    ("(({{ v }} > 1))", "((…))"),
    ("echo $'{{ v }}'", "$'"),
    ("echo $'\\'' {{ v }}", "$'"),
    ("cat <<EOF\n{{ v }}\nEOF\n", "here-document"),
    ("cat <<EOF\n'\nEOF\necho {{ v }}", "here-document"),
    ("cat <\\\n<EOF\n{{ v }}\nEOF\n", "two lines"),
    ("sh <<< {{ v }}", "here-document"),
    ("bash <(echo {{ v }})", "process substitution"),
    ("echo \\{{ v }}", "backslash"),
    ("echo \"\\{{ v }}\"", "backslash"),
    ("echo ${{ v }}", "`$`"),
    ("echo \"${{ v }}\"", "`$`"),
    ("echo $[{{ v }}]", "$["),
    ("echo \"$(case x in a) echo \"{{ v }}\" ;; esac)\"", "case"),
    ("a[{{ v }}]=1", "subscript"),
    ("eval {{ v }}", "eval"),
    ("eval \"echo {{ v }}\"", "eval"),
    ("if true; then eval 'echo {{ v }}'; fi", "eval"),
    ("true && command eval {{ v }}", "eval"),
    ("x=1 \\eval {{ v }}", "eval"),
    ("e''val {{ v }}", "eval"),
    ("sh -c {{ v }}", "sh -c"),
    ("sh -c 'echo {{ v }}'", "sh -c"),
    ("sh -c \"echo $(printf %s {{ v }})\"", "sh -c"),
    ("/bin/bash -euo pipefail -c \"echo {{ v }}\"", "bash -c"),
    ("sudo -u root env A=1 timeout 5 nohup dash -ec 'x {{ v }}'", "dash -c"),
    ("FOO=bar exec setsid sh -c '{{ v }}'", "sh -c"),
    ("find . -exec sh -c 'echo {{ v }}' \\;", "sh -c"),
    ("echo x | xargs -I{} sh -c 'echo {{ v }}'", "sh -c"),
    ("ip netns exec x sh -c '{{ v }}'", "sh -c"),
    ("sh >log -c '{{ v }}'", "sh -c"),
    ("\"$SHELL\" -c '{{ v }}'", "a variable names"),
    ("sh {{ v }} {{ v }}", "sh -c"),
    ("su -c 'echo {{ v }}' bob", "su"),
    ("runuser -u bob -- sh -c '{{ v }}'", "sh -c"),
    ("ssh host echo {{ v }}", "ssh"),
    ("sudo -n ssh {{ v }}", "ssh"),
    ("sudo --user bob ssh {{ v }}", "ssh"),
    ("ip netns exec x ssh host {{ v }}", "ssh"),
    ("trap 'rm {{ v }}' EXIT", "trap"),
    ("alias x={{ v }}", "alias"),
    ("awk '{ print \"{{ v }}\" }' f", "awk"),
    ("awk -F : -v a=1 \"{{ v }}\" f", "awk"),
    ("sed -i.before 's/a/{{ v }}/' f", "sed"),
    ("sed -n -e p -e 's/a/{{ v }}/' f", "sed"),
    ("perl -pe 's/a/{{ v }}/'", "perl"),
    ("perl -e 1 -e '{{ v }}'", "perl"),
    ("python3 -W ignore -c 'print({{ v }})'", "python3"),
    ("[[ {{ v }} -eq 1 ]]", "[["),
    ("printf -v {{ v }} x", "variable's name"),
    ("flock /run/l -c 'echo {{ v }}'", "split"),
    ("script -qc 'echo {{ v }}' f", "script"),
    ("env -S 'sh -c' {{ v }}", "split"),
    ("echo {{ v }} | sh", "pipe"),
    ("echo {{ v }} | sudo bash -s", "pipe"),
    ("{ echo {{ v }}; } |\n  sh -e", "pipe"),
    ("echo {{ v }} | ( sh )", "pipe"),
    ("cat >{{ v }}| sh", "pipe"),
    ("echo {{ v }} | xargs -I{} sh -c 'echo {}'", "pipe"),
    ("cat >{{ v }}|eval {{ v }}", "eval"),
    ("echo '{{ [v] | sh_join }}'", "several words"),
    ("echo x{{ [v] | sh_join }}", "several words"),
];

/// Allowed although close to what is refused.
const FINE: &[&str] = &[
    "awk -v x={{ v }} '{ print x }' f{{ v }}",
    "sed -i -e 's/a/b/' {{ v }}",
    "sed -f script {{ v }}",
    "python3 script.py -c {{ v }}",
    "perl -e 'print @ARGV' {{ v }}",
    "sh {{ v }}",
    "sh -- {{ v }} {{ v }}",
    "systemctl restart ssh; echo {{ v }}",
    "apt-get install bash {{ v }} {{ v }}",
    "eval x; echo {{ v }}",
    "curl -s {{ v }} | grep sh",
    "case {{ v }} in bash|sh) true ;; esac",
    "echo {{ v }} | xargs -n 1 echo",
    "case x in a) sh ;; esac; echo {{ v }}",
    "runuser -u bob true; cp {{ v }} {{ v }}",
    "echo $(( (1 + 2) * $x )) {{ v }}",
    "nice -n 5 tar -C {{ v }} -cf {{ v }} .",
    "echo {{ 'x' if a else 'y' }} # it's `fine` $(here {{ v }}",
    "printf '%s' \"$(cat <<E\nx\nE\n)\"",
];

fn run(shell: &str, script: &str, folder: &Path) -> Option<String> {
    let out = Command::new(shell)
        .args(["-c", script])
        .current_dir(folder)
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    assert!(out.status.success(), "{shell} failed on {script:?}: {}", String::from_utf8_lossy(&out.stderr));
    Some(String::from_utf8(out.stdout).expect("values are UTF-8"))
}

/// Runs every text of [`DATA`] with this value in every shell there is.
fn arrives_as_data(value: &str) {
    let folder = tempfile::tempdir().expect("a folder for canaries");
    let vars = Vars::from(json!({ "v": value }));
    for (text, expected) in DATA {
        let script = render_shell(text, &vars).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        let expected = expected.replace('V', value);
        for shell in ["sh", "bash"] {
            if let Some(printed) = run(shell, &script, folder.path()) {
                assert_eq!(printed, expected, "{shell} ran {script:?} made from {text:?}");
            }
        }
    }
    let left = std::fs::read_dir(folder.path()).expect("readable").count();
    assert_eq!(left, 0, "{value:?} ran as code");
}

#[test]
fn known_attacks_arrive_as_data() {
    for value in [
        "x; touch pwn",
        "$(touch pwn)",
        "`touch pwn`",
        "'; touch pwn; '",
        "\"; touch pwn; \"",
        "'$(touch pwn)'",
        "\n touch pwn \n#",
        "x\\",
        "\\'; touch pwn #",
        "a[$(touch pwn)]",
        "-c",
        "> pwn",
        "!! * ? ~ {a,b} # é\u{a0}\u{1f980} \u{7f}",
        "\r",
        "",
        "if",
        "HOME",
        "(touch pwn)",
        "{HOME}",
    ] {
        arrives_as_data(value);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn any_value_arrives_as_data(value in r#"([ \t\n'"`$\\(){}<>|&;#!*?~=a-c-]|\$\(touch pwn\)|; touch pwn;|\PC){0,12}"#) {
        // Command substitution drops the last newlines; that is the shell's, not ours.
        prop_assume!(!value.contains(['\u{FDD0}', '\u{FDD1}', 'V']));
        arrives_as_data(&value);
    }

    /// Whatever an author writes around it: if the text is accepted, no value runs.
    #[test]
    fn no_author_text_lets_a_value_run(parts in prop::collection::vec(author_part(), 0..8)) {
        let text = format!("{} ", parts.concat());
        for attack in ["$(touch pwn)", "';touch pwn;'", "\";touch pwn;\"", "\ntouch pwn\n", "x;touch pwn", "`touch pwn`"] {
            let Ok(script) = render_shell(&text, &Vars::from(json!({ "v": attack }))) else { continue };
            let folder = tempfile::tempdir().expect("a folder for canaries");
            for shell in ["sh", "bash"] {
                let _ = Command::new(shell).args(["-c", &script]).current_dir(folder.path())
                    .stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
            }
            prop_assert!(!folder.path().join("pwn").exists(), "{script:?} made from {text:?} ran the value");
        }
    }
}

/// Pieces of shell as an author might combine them, rightly or wrongly.
fn author_part() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "{{ v }}",
        "{{ v }}",
        "{{ v }}",
        "echo ",
        "'",
        "\"",
        "\\",
        "$",
        "$(",
        ")",
        "`",
        "${x:-",
        "}",
        "$((",
        "))",
        "(",
        "{ ",
        "; ",
        "\n",
        " ",
        "#",
        "x=",
        "a",
        "| cat ",
        "&& ",
        "<<E\n",
        "E\n",
        "$x",
        "eval ",
        "sh -c ",
        "case a in ",
        "a) ",
        ";; esac ",
        ">",
        "\\\n",
        "|",
        "&",
        "if true; then ",
        "fi ",
        "for i in ",
        "; do ",
        "done ",
        "true ",
        "[ ",
        "] ",
        "printf %s ",
        "$'",
        "1",
        "<",
    ])
}

#[test]
fn what_cannot_be_placed_is_refused_before_anything_runs() {
    let vars = Vars::from(json!({"v": "x"}));
    for (text, word) in REFUSED {
        let error = check_shell(text).expect_err(text);
        assert_eq!(error.kind, ErrorKind::Refused, "{text}: {error}");
        assert!(error.message.contains(word), "{text}: {error}");
        assert!(error.hint.is_some(), "{text}");
        let place = &text[error.range.clone().expect("has a place")];
        assert!(["v", "[v] | sh_join"].contains(&place), "{text}: {place}");
        assert_eq!(render_shell(text, &vars), Err(error), "{text}");
    }
}

#[test]
fn what_is_safe_is_not_refused() {
    for text in FINE.iter().chain(DATA.iter().map(|(text, _)| text)) {
        assert_eq!(check_shell(text), Ok(()), "{text}");
    }
}

#[test]
fn either_branch_is_checked() {
    assert!(check_shell("{% if x %}echo{% else %}eval{% endif %} {{ v }}").is_err());
    assert!(check_shell("{% for x in y %}echo `{{ x }}`{% endfor %}").is_err());
}

#[test]
fn simple_words_stay_readable() {
    let vars = Vars::from(json!({"dev": "eth0", "n": 3, "cmd": "if"}));
    let shown = |text| render_shell(text, &vars).expect("renders");
    assert_eq!(shown("ip link set {{ dev }} up"), "ip link set eth0 up");
    assert_eq!(shown("echo {{ n }}>f {{ n }} >f"), "echo '3'>f 3 >f");
    assert_eq!(shown("{{ cmd }} x"), "'if' x");
    assert_eq!(shown("echo \"on {{ dev }}\""), "echo \"on eth0\"");
}

#[test]
fn what_is_not_a_word_is_refused() {
    let vars = Vars::from(json!({"l": ["a"], "m": {"a": 1}, "z": null, "nul": "a\u{0}b"}));
    for text in
        ["echo {{ l }}", "echo {{ m }}", "echo {{ z }}", "echo {{ nul }}", "echo {{ l | join('\u{FDD0}') }}"]
    {
        assert!(render_shell(text, &vars).is_err(), "{text}");
    }
    let captured = "{% set x %}a {{ n }}{% endset %}echo {{ x }}";
    let error = render_shell(captured, &Vars::from(json!({"n": 1}))).expect_err("holds a value");
    assert_eq!(error.kind, ErrorKind::Refused);
    assert_eq!(&captured[error.range.expect("has a place")], "x");
}
