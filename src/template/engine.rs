//! The template engine's settings, and plain rendering. Shell text goes through [`super::shell`] instead.

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};

use super::error::TemplateError;
use super::vars::Vars;
use super::{filter, scope};

/// Steps of work after which a render is stopped: far beyond any configuration file, a second at most.
const FUEL: u64 = 2_000_000;

/// Names that only config-file templates need: other templates, included by name.
pub struct Engine(Environment<'static>);

impl Default for Engine {
    fn default() -> Self {
        Self(environment())
    }
}

impl Engine {
    /// Makes `text` available to `{% include "name" %}` and [`Engine::render_named`].
    pub fn register(&mut self, name: &str, text: &str) -> Result<(), TemplateError> {
        self.0
            .add_template_owned(name.to_owned(), text.to_owned())
            .map_err(|error| TemplateError::syntax(&error, text))
    }

    /// Renders a config-file template as Ansible does: values as plain text, the newline after a block tag dropped,
    /// the last newline kept.
    pub fn render(&self, text: &str, vars: &Vars) -> Result<String, TemplateError> {
        self.0.render_str(text, vars.value()).map_err(|error| explain(&error, text, vars))
    }

    /// Renders a registered template.
    pub fn render_named(&self, name: &str, vars: &Vars) -> Result<String, TemplateError> {
        let template = self.0.get_template(name).map_err(|error| TemplateError::other(error.to_string()))?;
        template.render(vars.value()).map_err(|error| explain(&error, template.source(), vars))
    }
}

/// Renders a text in which values are plain text: a name, a path, a URL.
pub fn render(text: &str, vars: &Vars) -> Result<String, TemplateError> {
    if !text.contains('{') {
        return Ok(text.to_owned());
    }
    PLAIN.render_str(text, vars.value()).map_err(|error| explain(&error, text, vars))
}

/// Renders one item of a `command:` list: exactly one argument, whatever the values hold.
///
/// # Errors
/// Those of [`render`]; a NUL, which no argument can hold.
pub fn render_argument(text: &str, vars: &Vars) -> Result<String, TemplateError> {
    let argument = render(text, vars)?;
    if argument.contains('\0') {
        return Err(TemplateError::other("an argument cannot hold a NUL character"));
    }
    Ok(argument)
}

/// The shell line that passes exactly these arguments.
///
/// # Errors
/// A NUL, which no argument can hold.
pub fn argv_to_shell<S: AsRef<str>>(argv: &[S]) -> Result<String, TemplateError> {
    shlex::try_join(argv.iter().map(AsRef::as_ref))
        .map_err(|_| TemplateError::other("an argument cannot hold a NUL character"))
}

pub(super) static PLAIN: LazyLock<Environment<'static>> = LazyLock::new(environment);

pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_syntax(syntax());
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    // With debug on, an error prints the variables around it: secrets too.
    environment.set_debug(false);
    environment.remove_global("debug");
    filter::add(&mut environment);
    environment
}

/// Ansible's whitespace rules for templates.
pub(super) fn syntax() -> SyntaxConfig {
    SyntaxConfig::builder()
        .trim_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .expect("the delimiters are the default ones")
}

pub(super) fn explain(error: &minijinja::Error, text: &str, vars: &Vars) -> TemplateError {
    let found = scope::read_by(text).unwrap_or_default();
    TemplateError::rendering(error, text, &found, vars)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::ErrorKind;
    use serde_json::json;

    fn vars() -> Vars {
        Vars::from(json!({"host": {"ip": "10.83.0.1"}, "ports": [80, 443], "who": "a; b"}))
    }

    #[test]
    fn values_are_plain_text_and_whitespace_is_as_in_ansible() {
        let text = "{% for p in ports %}\nListen {{ host.ip }}:{{ p }}\n{% endfor %}\n# {{ who }} <\n";
        let rendered = render(text, &vars()).expect("renders");
        assert_eq!(rendered, "Listen 10.83.0.1:80\nListen 10.83.0.1:443\n# a; b <\n");
    }

    #[test]
    fn an_undefined_variable_is_named_with_its_place() {
        for (text, name) in [
            ("x {{ host.ipp }}", "host.ipp"),
            ("x {{ prots | join(',') }}", "prots"),
            ("{% if prots %}{% endif %}", "prots"),
            ("{{ host.ip ~ hots.ip }}", "hots.ip"),
        ] {
            let error = render(text, &vars()).expect_err(text);
            assert_eq!(error.kind, ErrorKind::Undefined { name: name.into() }, "{text}");
            assert_eq!(&text[error.range.expect("has a place")], name, "{text}");
        }
    }

    #[test]
    fn a_syntax_error_has_a_place() {
        let error = render("a {{ host.ip", &vars()).expect_err("not closed");
        assert_eq!(error.kind, ErrorKind::Syntax);
        assert!(error.range.is_some());
        let error = render("{{ who | uper }}", &vars()).expect_err("no such filter");
        assert_eq!(error.kind, ErrorKind::Syntax);
    }

    #[test]
    fn errors_show_no_value() {
        let vars = Vars::from(json!({"password": "hunter2hunter2"}));
        for text in ["{{ password.x.y }}", "{{ password + 1 }}", "{{ password | int }}", "{{ password() }}"] {
            if let Err(error) = render(text, &vars) {
                assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
            }
        }
    }

    #[test]
    fn endless_work_is_stopped() {
        let text = "{% for a in range(9999) %}{% for b in range(9999) %}{{ a * b }}{% endfor %}{% endfor %}";
        let error = render(text, &vars()).expect_err("too much");
        assert!(error.message.contains("too much work"), "{error}");
    }

    #[test]
    fn only_registered_templates_can_be_included() {
        let mut engine = Engine::default();
        engine.register("part.j2", "[{{ host.ip }}]").expect("parses");
        assert_eq!(engine.render("{% include 'part.j2' %}", &vars()).expect("renders"), "[10.83.0.1]");
        assert!(engine.render("{% include '/etc/passwd' %}", &vars()).is_err());
        engine.register("bad.j2", "{{ nope }}").expect("parses");
        let error = engine.render("{% include 'bad.j2' %}", &vars()).expect_err("undefined inside");
        assert!(error.message.contains("nope") || error.message.contains("bad.j2"), "{error}");
    }

    #[test]
    fn an_argv_is_quoted_word_by_word() {
        let argv = [render_argument("{{ who }}", &vars()).expect("renders"), "$(x)".into(), String::new()];
        assert_eq!(argv_to_shell(&argv).expect("no NUL"), "'a; b' '$(x)' ''");
        assert!(argv_to_shell(&["a\0"]).is_err());
    }
}
