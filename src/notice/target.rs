//! One notice at work: takes messages from its queue, tries each three times, says once when it cannot.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::{Receiver, UnboundedSender};
use tokio::time::{sleep, timeout};

use super::mail;
use super::message::{Context, Message};
use super::program::{self, Program};
use super::webhook::Hook;
use crate::monitor::{Happening, Told};
use crate::site::notice::Notice;

/// What happens within this time is one mail.
const TOGETHER: Duration = Duration::from_secs(1);

/// Happenings in one mail at most.
const MANY: usize = 100;

pub(super) struct Target {
    notice: Notice,
    context: Arc<Context>,
    hook: Option<Hook>,
    losses: Losses,
}

/// Says that something was lost, once until something gets through again.
#[derive(Clone)]
pub(super) struct Losses {
    to: String,
    said: Arc<AtomicBool>,
    lost: UnboundedSender<Told>,
}

impl Losses {
    pub(super) fn tell(&self, because: &str) {
        if self.said.swap(true, Ordering::Relaxed) {
            return;
        }
        let what = Happening::NoticeLost { to: self.to.clone(), because: because.to_owned() };
        let at_ms = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
        // Nobody may be listening any more.
        let _ = self.lost.send(Told { at_ms, what });
    }

    fn over(&self) {
        self.said.store(false, Ordering::Relaxed);
    }
}

impl Target {
    pub(super) fn new(notice: Notice, context: Arc<Context>, lost: UnboundedSender<Told>) -> Self {
        let losses = Losses { to: name(&notice), said: Arc::default(), lost };
        let hook = notice.webhook.clone().map(|webhook| Hook::new(webhook, &context.root));
        Self { notice, context, hook, losses }
    }

    pub(super) fn losses(&self) -> Losses {
        self.losses.clone()
    }

    /// Sends what comes until nobody can send more and all of it is done.
    pub(super) async fn serve(self, mut inbox: Receiver<Message>) {
        let many = if self.notice.mail.is_some() { MANY } else { 1 };
        let mut messages = Vec::new();
        while inbox.recv_many(&mut messages, 1).await > 0 {
            if many > 1 {
                collect(&mut inbox, &mut messages, many).await;
            }
            match self.deliver(&messages).await {
                Ok(()) => self.losses.over(),
                Err(because) => self.losses.tell(&(self.context.redact)(&because)),
            }
            messages.clear();
        }
    }

    async fn deliver(&self, messages: &[Message]) -> Result<(), String> {
        let mut pauses = self.context.pauses.into_iter();
        loop {
            let limit = self.notice.timeout.0;
            let tried = timeout(limit, self.send(messages)).await;
            let because = match tried {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(because)) => because,
                Err(_) => format!("not done within {} s", limit.as_secs_f32()),
            };
            let Some(pause) = pauses.next() else { return Err(because) };
            sleep(pause).await;
        }
    }

    async fn send(&self, messages: &[Message]) -> Result<(), String> {
        if let Some(mail) = &self.notice.mail {
            return mail::send(mail, messages, &self.context).await;
        }
        for message in messages {
            if let Some(hook) = &self.hook {
                hook.post(message, &self.context).await?;
            }
            if let Some(argv) = &self.notice.command {
                let argv = argv.iter().map(|text| message.render(text, &self.context));
                let program = Program {
                    argv: argv.collect::<Result<_, _>>()?,
                    folder: self.context.root.clone(),
                    environment: message.environment(),
                    input: format!("{}\n", message.json),
                };
                program::run(program).await?;
            }
        }
        Ok(())
    }
}

/// What else happens at about the same time.
async fn collect(inbox: &mut Receiver<Message>, messages: &mut Vec<Message>, many: usize) {
    let more = async {
        while messages.len() < many {
            let room = many - messages.len();
            if inbox.recv_many(messages, room).await == 0 {
                return;
            }
        }
    };
    // The time being over is how it ends.
    let _ = timeout(TOGETHER, more).await;
}

/// How people know it.
fn name(notice: &Notice) -> String {
    if let Some(mail) = &notice.mail {
        let to: Vec<&str> = mail.to.iter().map(|to| to.as_str()).collect();
        format!("mail to {}", to.join(", "))
    } else if let Some(webhook) = &notice.webhook {
        // The rest of it may be a secret.
        let host = webhook.url.split('/').nth(2).unwrap_or_default();
        format!("webhook at {host}")
    } else {
        let program = notice.command.as_ref().and_then(|argv| argv.first());
        format!("command {}", program.map_or("", |program| program.as_str()))
    }
}
