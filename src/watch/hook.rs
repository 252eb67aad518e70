//! The site's own programs around a takeover: `before` may forbid it, `after` may not.

use std::sync::PoisonError;

use serde_json::{Value, json};

use super::field::Field;
use crate::monitor::{Act, ActEnd};
use crate::notice::program::{self, Program};
use crate::plan::Operation;
use crate::site::id::ServiceName;
use crate::site::source::Sp;

/// The version of what a hook is given.
const SCHEMA: &str = "reveille.hook/1";

impl Field {
    /// Asks the site whether this may be done.
    pub(super) async fn hook_before(&self, act: &Act) -> Result<(), String> {
        let hooks = &self.site.settings.hooks;
        if hooks.before.is_empty() || !is_takeover(act) {
            return Ok(());
        }
        let program = self.program(&hooks.before, "before", act, &Value::Null);
        let limit = hooks.timeout.0;
        match tokio::time::timeout(limit, program::run(program)).await {
            Ok(said) => said,
            Err(_) => Err(format!("{} did not end within {} s", hooks.before[0].value, limit.as_secs_f32())),
        }
    }

    /// Lets the site know what came of it. Nobody waits but [`Field::hooks_end`].
    pub(super) fn hook_after(&self, act: &Act, ended: &ActEnd) {
        let hooks = &self.site.settings.hooks;
        if hooks.after.is_empty() || !is_takeover(act) {
            return;
        }
        let program = self.program(&hooks.after, "after", act, &json!(ended));
        let limit = hooks.timeout.0;
        let told = async move {
            match tokio::time::timeout(limit, program::run(program)).await {
                Ok(Ok(())) => {}
                Ok(Err(because)) => tracing::warn!(%because, "the hook `after` failed"),
                Err(_) => tracing::warn!("the hook `after` did not end in time"),
            }
        };
        let mut hooks = self.hooks.lock().unwrap_or_else(PoisonError::into_inner);
        while hooks.try_join_next().is_some() {}
        hooks.spawn(told);
    }

    /// Waits for hooks under way; each has its own timeout.
    pub(super) async fn hooks_end(&self) {
        let hooks = std::mem::take(&mut *self.hooks.lock().unwrap_or_else(PoisonError::into_inner));
        hooks.join_all().await;
    }

    fn program(&self, argv: &[Sp<String>], hook: &str, act: &Act, ended: &Value) -> Program {
        let services: Vec<&str> = act.services.iter().map(ServiceName::as_str).collect();
        let input = json!({
            "schema": SCHEMA,
            "hook": hook,
            "operation": act.operation,
            "services": services,
            "because": act.because,
            "ended": ended,
        });
        Program {
            argv: argv.iter().map(|word| word.value.clone()).collect(),
            folder: self.site.root.clone(),
            environment: vec![
                ("REVEILLE_HOOK", hook.to_owned()),
                ("REVEILLE_OPERATION", act.operation.as_str().to_owned()),
                ("REVEILLE_SERVICES", services.join(" ")),
                ("REVEILLE_BECAUSE", act.because.clone()),
            ],
            input: format!("{input}\n"),
        }
    }
}

fn is_takeover(act: &Act) -> bool {
    !act.plan_only && matches!(act.operation, Operation::Failover | Operation::Switchover)
}
