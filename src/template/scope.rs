//! Which variables a text reads, found without running it: `check` reports unknown ones before anything connects.

use std::collections::HashSet;
use std::ops::Range;

use minijinja::ErrorKind;
use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, Macro, Stmt, UnaryOpKind};
use minijinja::machinery::{Span, parse, parse_expr};

use super::engine::{PLAIN, syntax};
use super::error::TemplateError;

/// A variable that must exist for the text to render.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// As far as it can be told from the text: `host.ip`, `hosts` for `hosts[name]`.
    pub path: String,
    /// Where it is read: bytes of the text.
    pub range: Range<usize>,
}

/// Every read of a variable that the text does not assign itself, in order. A read that is guarded (`x is defined`,
/// `x | default(…)`) is left out, as is everything that a guard proves: `x` in `{% if x is defined %}{{ x }}`.
///
/// # Errors
/// The text is not a template, or calls a filter or test that does not exist.
pub fn variables(text: &str) -> Result<Vec<Variable>, TemplateError> {
    of_template(text, true)
}

/// [`variables`] of an expression without `{{ }}`.
pub(super) fn of_expression(text: &str) -> Result<Vec<Variable>, TemplateError> {
    expression(text, true)
}

/// Every read, guarded or not: to name the culprit of a failed render.
pub(super) fn read_by(text: &str) -> Result<Vec<Variable>, TemplateError> {
    of_template(text, false)
}

/// [`read_by`] for an expression.
pub(super) fn read_by_expression(text: &str) -> Result<Vec<Variable>, TemplateError> {
    expression(text, false)
}

fn of_template(text: &str, guards: bool) -> Result<Vec<Variable>, TemplateError> {
    let tree = parse(text, "<text>", syntax()).map_err(|error| TemplateError::syntax(&error, text))?;
    let mut walk = Walk::new(guards);
    walk.statement(&tree);
    walk.result(text)
}

fn expression(text: &str, guards: bool) -> Result<Vec<Variable>, TemplateError> {
    let tree = parse_expr(text).map_err(|error| TemplateError::syntax(&error, text))?;
    let mut walk = Walk::new(guards);
    walk.expression(&tree);
    walk.result(text)
}

struct Walk {
    guards: bool,
    /// Names assigned by the text, innermost block last.
    assigned: Vec<HashSet<String>>,
    /// Paths that are defined wherever the walk stands.
    proved: Vec<String>,
    found: Vec<Variable>,
    /// The first filter or test that does not exist: the engine itself would notice only when it gets there.
    unknown: Option<(ErrorKind, String, Range<usize>)>,
}

impl Walk {
    fn new(guards: bool) -> Self {
        let globals = PLAIN.globals().map(|(name, _)| name.to_owned());
        let builtin = ["loop", "self", "super", "caller"].map(str::to_owned);
        let assigned = vec![globals.chain(builtin).collect()];
        Self { guards, assigned, proved: Vec::new(), found: Vec::new(), unknown: None }
    }

    fn result(self, text: &str) -> Result<Vec<Variable>, TemplateError> {
        match self.unknown {
            Some((kind, name, range)) if self.guards => Err(TemplateError::unknown(kind, &name, text, range)),
            _ => Ok(self.found),
        }
    }

    fn called(&mut self, name: &str, kind: ErrorKind, at: Span) {
        let probe =
            if kind == ErrorKind::UnknownFilter { format!("1|{name}") } else { format!("1 is {name}") };
        let refused = PLAIN.compile_expression(&probe).and_then(|probe| probe.eval(()));
        if self.unknown.is_none() && refused.is_err_and(|error| error.kind() == kind) {
            self.unknown = Some((kind, name.to_owned(), at.start_offset as usize..at.end_offset as usize));
        }
    }

    fn block(&mut self, body: &[Stmt<'_>]) {
        for statement in body {
            self.statement(statement);
        }
    }

    /// A block whose assignments end with it.
    fn scoped(&mut self, walk: impl FnOnce(&mut Self)) {
        self.assigned.push(HashSet::new());
        walk(self);
        self.assigned.pop();
    }

    /// A block that is reached only when `test` came out as `truth`.
    fn when(&mut self, test: &Expr<'_>, truth: bool, walk: impl FnOnce(&mut Self)) {
        let before = self.proved.len();
        proves(test, truth, &mut self.proved);
        walk(self);
        self.proved.truncate(before);
    }

    fn assign(&mut self, target: &Expr<'_>) {
        match target {
            Expr::Var(var) => self.assign_name(var.id),
            Expr::List(list) => list.items.iter().for_each(|item| self.assign(item)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.assign(item)),
            _ => {}
        }
    }

    fn assign_name(&mut self, name: &str) {
        if let Some(scope) = self.assigned.last_mut() {
            scope.insert(name.to_owned());
        }
    }

    fn statement(&mut self, statement: &Stmt<'_>) {
        match statement {
            Stmt::Template(s) => self.block(&s.children),
            Stmt::EmitExpr(s) => self.expression(&s.expr),
            Stmt::EmitRaw(_) => {}
            Stmt::ForLoop(s) => {
                self.expression(&s.iter);
                self.scoped(|walk| {
                    walk.assign(&s.target);
                    s.filter_expr.iter().for_each(|filter| walk.expression(filter));
                    walk.block(&s.body);
                });
                self.block(&s.else_body);
            }
            Stmt::IfCond(s) => {
                self.expression(&s.expr);
                self.when(&s.expr, true, |walk| walk.block(&s.true_body));
                self.when(&s.expr, false, |walk| walk.block(&s.false_body));
            }
            Stmt::WithBlock(s) => self.scoped(|walk| {
                for (target, value) in &s.assignments {
                    walk.expression(value);
                    walk.assign(target);
                }
                walk.block(&s.body);
            }),
            Stmt::Set(s) => {
                self.expression(&s.expr);
                self.assign(&s.target);
            }
            Stmt::SetBlock(s) => {
                s.filter.iter().for_each(|filter| self.expression(filter));
                self.scoped(|walk| walk.block(&s.body));
                self.assign(&s.target);
            }
            Stmt::AutoEscape(s) => self.block(&s.body),
            Stmt::FilterBlock(s) => {
                self.expression(&s.filter);
                self.block(&s.body);
            }
            Stmt::Block(s) => self.scoped(|walk| walk.block(&s.body)),
            Stmt::Extends(s) => self.expression(&s.name),
            Stmt::Include(s) => self.expression(&s.name),
            Stmt::Import(s) => {
                self.expression(&s.expr);
                self.assign(&s.name);
            }
            Stmt::FromImport(s) => {
                self.expression(&s.expr);
                s.names.iter().for_each(|(name, alias)| self.assign(alias.as_ref().unwrap_or(name)));
            }
            Stmt::Macro(s) => {
                self.assign_name(s.name);
                self.declaration(s);
            }
            Stmt::CallBlock(s) => {
                self.call(&s.call.expr, &s.call.args);
                self.declaration(&s.macro_decl);
            }
            Stmt::Do(s) => self.call(&s.call.expr, &s.call.args),
        }
    }

    fn declaration(&mut self, declared: &Macro<'_>) {
        declared.defaults.iter().for_each(|default| self.expression(default));
        self.scoped(|walk| {
            declared.args.iter().for_each(|argument| walk.assign(argument));
            walk.block(&declared.body);
        });
    }

    fn expression(&mut self, expr: &Expr<'_>) {
        if let Some(path) = path(expr) {
            return self.read(path);
        }
        match expr {
            Expr::Var(_) | Expr::Const(_) => {}
            Expr::UnaryOp(e) => self.expression(&e.expr),
            Expr::BinOp(e) => {
                self.expression(&e.left);
                match e.op {
                    BinOpKind::ScAnd => self.when(&e.left, true, |walk| walk.expression(&e.right)),
                    BinOpKind::ScOr => self.when(&e.left, false, |walk| walk.expression(&e.right)),
                    _ => self.expression(&e.right),
                }
            }
            Expr::Compare(e) => {
                self.expression(&e.expr);
                e.ops.iter().for_each(|op| self.expression(&op.expr));
            }
            Expr::IfExpr(e) => {
                self.expression(&e.test_expr);
                self.when(&e.test_expr, true, |walk| walk.expression(&e.true_expr));
                self.when(&e.test_expr, false, |walk| {
                    e.false_expr.iter().for_each(|other| walk.expression(other));
                });
            }
            Expr::Filter(e) => {
                self.called(e.name, ErrorKind::UnknownFilter, e.span());
                match &e.expr {
                    Some(input) if matches!(e.name, "default" | "d") => self.guarded(input),
                    input => input.iter().for_each(|input| self.expression(input)),
                }
                self.arguments(&e.args);
            }
            Expr::Test(e) => {
                self.called(e.name, ErrorKind::UnknownTest, e.span());
                match e.name {
                    "defined" | "undefined" => self.guarded(&e.expr),
                    _ => self.expression(&e.expr),
                }
                self.arguments(&e.args);
            }
            Expr::GetAttr(e) => self.expression(&e.expr),
            Expr::GetItem(e) => {
                self.expression(&e.expr);
                self.expression(&e.subscript_expr);
            }
            Expr::Slice(e) => {
                self.expression(&e.expr);
                [&e.start, &e.stop, &e.step].into_iter().flatten().for_each(|part| self.expression(part));
            }
            Expr::Call(e) => self.call(&e.expr, &e.args),
            Expr::List(e) => e.items.iter().for_each(|item| self.expression(item)),
            Expr::Tuple(e) => e.items.iter().for_each(|item| self.expression(item)),
            Expr::Map(e) => e.keys.iter().chain(&e.values).for_each(|item| self.expression(item)),
        }
    }

    /// The last name of a called path is a method, not a variable.
    fn call(&mut self, callee: &Expr<'_>, arguments: &[CallArg<'_>]) {
        match callee {
            Expr::GetAttr(method) => self.expression(&method.expr),
            other => self.expression(other),
        }
        self.arguments(arguments);
    }

    fn arguments(&mut self, arguments: &[CallArg<'_>]) {
        for argument in arguments {
            match argument {
                CallArg::Pos(e) | CallArg::Kwarg(_, e) | CallArg::PosSplat(e) | CallArg::KwargSplat(e) => {
                    self.expression(e);
                }
            }
        }
    }

    /// `a.b | default(…)` may lack `b`, never `a`.
    fn guarded(&mut self, expr: &Expr<'_>) {
        match expr {
            _ if !self.guards => self.expression(expr),
            Expr::Var(_) => {}
            Expr::GetAttr(e) => self.expression(&e.expr),
            Expr::GetItem(e) => {
                self.expression(&e.expr);
                self.expression(&e.subscript_expr);
            }
            other => self.expression(other),
        }
    }

    fn read(&mut self, variable: Variable) {
        let name = variable.path.split('.').next().unwrap_or_default();
        let assigned = self.assigned.iter().any(|scope| scope.contains(name));
        let proved =
            self.guards && self.proved.iter().any(|p| leads(p, &variable.path) || leads(&variable.path, p));
        if !assigned && !proved {
            self.found.push(variable);
        }
    }
}

/// Whether `path` is `start` or lies below it.
fn leads(start: &str, path: &str) -> bool {
    path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The dotted path that an expression is, if it is nothing else.
fn path(expr: &Expr<'_>) -> Option<Variable> {
    let (parent, name) = match expr {
        Expr::Var(var) => {
            let span = var.span();
            let range = span.start_offset as usize..span.end_offset as usize;
            return Some(Variable { path: var.id.to_owned(), range });
        }
        Expr::GetAttr(e) => (path(&e.expr)?, e.name.to_owned()),
        Expr::GetItem(e) => match &e.subscript_expr {
            Expr::Const(key) => {
                (path(&e.expr)?, key.value.as_str().filter(|key| !key.contains('.'))?.to_owned())
            }
            _ => return None,
        },
        _ => return None,
    };
    let end = (expr.span().end_offset as usize).max(parent.range.end);
    Some(Variable { path: format!("{}.{name}", parent.path), range: parent.range.start..end })
}

/// The paths that must be defined when `test` comes out as `truth`.
fn proves(test: &Expr<'_>, truth: bool, proved: &mut Vec<String>) {
    match test {
        Expr::Test(e) if e.name == "defined" && truth => proved.extend(path(&e.expr).map(|v| v.path)),
        Expr::Test(e) if e.name == "undefined" && !truth => proved.extend(path(&e.expr).map(|v| v.path)),
        Expr::UnaryOp(e) if matches!(e.op, UnaryOpKind::Not) => proves(&e.expr, !truth, proved),
        Expr::BinOp(e) if matches!((e.op, truth), (BinOpKind::ScAnd, true) | (BinOpKind::ScOr, false)) => {
            proves(&e.left, truth, proved);
            proves(&e.right, truth, proved);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_does_not_exist_is_found_where_it_may_never_run() {
        let text = "{% if false %}{{ a | upper | nofilter(b) }}{% endif %}{{ c is notest }}";
        let error = variables(text).expect_err("there is no such filter");
        assert_eq!(error.range.map(|range| &text[range]), Some("nofilter"));
        assert!(variables("{{ 'a | nofilter' | default(1) | bool }} {{ x is defined }}").is_ok());
        assert!(variables("{{ c is notest }}").is_err_and(|error| error.message.contains("`notest`")));
    }

    fn paths(text: &str) -> Vec<String> {
        let found = variables(text).expect("a template");
        for variable in &found {
            let written = &text[variable.range.clone()];
            assert!(
                written.starts_with(variable.path.split('.').next().unwrap_or("")),
                "{written} in {text}"
            );
        }
        found.into_iter().map(|variable| variable.path).collect()
    }

    #[test]
    fn reads_are_found_where_they_stand() {
        let text = "{{ host.ip }} {{ hosts[name].x }} {{ a['b'].c | upper }}";
        assert_eq!(paths(text), ["host.ip", "hosts", "name", "a.b.c"]);
        let found = variables(text).expect("a template");
        assert_eq!(&text[found[0].range.clone()], "host.ip");
        assert_eq!(&text[found[3].range.clone()], "a['b'].c");
    }

    #[test]
    fn what_the_text_assigns_is_known() {
        assert_eq!(paths("{% for h in hosts %}{{ h.ip }}{{ loop.index }}{% endfor %}"), ["hosts"]);
        assert_eq!(paths("{% set x = y %}{{ x }}{% if z %}{% set w = 1 %}{% endif %}{{ w }}"), ["y", "z"]);
        assert_eq!(paths("{% macro m(a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}"), ["b"]);
        assert_eq!(paths("{% with q = r %}{{ q }}{% endwith %}{{ q }}"), ["r", "q"]);
        assert_eq!(paths("{{ range(3) | join(sep) }}{{ 'x'.upper() }}{{ d.items() }}"), ["sep", "d"]);
    }

    #[test]
    fn guarded_reads_are_no_error() {
        assert!(paths("{{ x | default('a') }}{{ 1 if y is defined else 2 }}").is_empty());
        assert!(paths("{% if x is defined and x.y > 1 %}{{ x.z }}{% endif %}").is_empty());
        assert!(paths("{{ x is undefined or x }}{{ 'n' if not x is defined else x }}").is_empty());
        assert_eq!(paths("{{ a.b | default('c') }}"), ["a"]);
        assert_eq!(paths("{{ x | default('a') }}{{ x }}"), ["x"]);
        assert_eq!(paths("{% if x is defined %}{% else %}{{ x }}{% endif %}"), ["x"]);
    }

    #[test]
    fn expressions_too() {
        let found = of_expression("facts.load > 2 and not down").expect("an expression");
        let paths: Vec<_> = found.iter().map(|v| (v.path.as_str(), v.range.clone())).collect();
        assert_eq!(paths, [("facts.load", 0..10), ("down", 23..27)]);
    }
}
