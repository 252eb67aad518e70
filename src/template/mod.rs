//! Templates and expressions: text and variables in, text out. `site` compiles and checks them at load, `module` and
//! `plan` render them for a host.
//!
//! Nothing here reads a file, runs a program or knows a host. Undefined variables are errors, never empty text.
//! A text becomes one of three things, and each has its own way in:
//!
//! | written under | rendered by | a value arrives as |
//! |---|---|---|
//! | `template:`, names, paths, URLs | [`render`], [`Engine`] | plain text |
//! | `command:` | [`render`] for each item | exactly one argument |
//! | `shell:` | [`render_shell`] | quoted data, see [`shell`] |

mod engine;
mod error;
mod expression;
mod filter;
mod scope;
pub mod shell;
mod vars;

pub use engine::{Engine, argv_to_shell, render, render_argument};
pub use error::{ErrorKind, TemplateError};
pub use expression::Expression;
pub use scope::{Variable, variables};
pub use shell::{check_shell, render_shell};
pub use vars::Vars;
