//! `template`: a template of the site, rendered for the host and put there.

use super::copy::destination;
use super::file::{Attributes, Content};
use super::{Context, ModuleError, Script};
use crate::site::action::TemplateArgs;
use crate::site::source::Sp;

/// As `copy`, after rendering; `validate` may refuse the new file before it is put in place.
pub fn compile(args: &TemplateArgs, cx: &Context) -> Result<Script, ModuleError> {
    let src = cx.text(&args.src)?;
    let text = (cx.template)(&src).map_err(|message| ModuleError::at(&args.src, message))?;
    let dest = destination(&args.dest, Some(src.trim_end_matches(".j2")), cx)?;
    let check = args.validate.as_ref().map(|validate| check(validate, cx)).transpose()?;
    let attributes = Attributes::of(args.mode.as_ref(), args.owner.as_ref(), args.group.as_ref(), cx)?;
    Content { dest: &dest, bytes: text.as_bytes(), attributes, check }
        .script(format!("template {dest} from {src}"))
}

/// `apachectl -t -f %s` as shell whose first argument is the new file.
fn check(validate: &Sp<String>, cx: &Context) -> Result<String, ModuleError> {
    if !validate.contains("%s") {
        return Err(ModuleError::at(validate, "`validate` must name the new file as `%s`"));
    }
    let bare = validate.replace("'%s'", "%s").replace("\"%s\"", "%s").replace("%s", "\"$1\"");
    (cx.render_shell)(&bare).map_err(|message| ModuleError::at(validate, message))
}
