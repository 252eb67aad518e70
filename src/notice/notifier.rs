//! Hears what happens and hands it to the queues of those who want to know.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{Sender, UnboundedSender, channel};
use tokio::task::JoinSet;

use super::message::{Context, Message};
use super::target::{Losses, Target};
use crate::monitor::{Gravity, Happening, Told};
use crate::report::watch::WatchReport;
use crate::site::id::ServiceName;
use crate::site::notice::{From, Notice};

/// Messages that wait for one notice. More are lost to it, and that is told.
const QUEUE: usize = 64;

/// Fed as any report of a monitor is.
pub struct Notifier {
    context: Arc<Context>,
    posts: Vec<Post>,
}

/// The tasks that send.
pub struct Deliveries(JoinSet<()>);

/// One notice's door.
struct Post {
    from: Gravity,
    only: BTreeSet<ServiceName>,
    queue: Sender<Message>,
    losses: Losses,
}

impl Notifier {
    /// Starts a task per notice. What could not be sent is told to `lost`. Must be called within a tokio runtime.
    pub fn start(
        notices: impl IntoIterator<Item = Notice>,
        context: Context,
        lost: &UnboundedSender<Told>,
    ) -> (Self, Deliveries) {
        let context = Arc::new(context);
        let mut tasks = JoinSet::new();
        let posts = notices.into_iter().map(|notice| {
            let (queue, inbox) = channel(QUEUE);
            let (from, only) =
                (gravity(notice.from), notice.only.iter().map(|one| one.value.clone()).collect());
            let target = Target::new(notice, Arc::clone(&context), lost.clone());
            let losses = target.losses();
            tasks.spawn(target.serve(inbox));
            Post { from, only, queue, losses }
        });
        let posts = posts.collect();
        (Self { context, posts }, Deliveries(tasks))
    }
}

impl WatchReport for Notifier {
    fn told(&mut self, told: &Told) {
        // Whoever was not told cannot be told that.
        if matches!(told.what, Happening::NoticeLost { .. }) {
            return;
        }
        for post in self.posts.iter().filter(|post| post.wants(told)) {
            if post.queue.try_send(Message::of(told, &self.context)).is_err() {
                post.losses.tell("too much happened at once");
            }
        }
    }
}

impl Post {
    fn wants(&self, told: &Told) -> bool {
        let about = told.what.services();
        told.what.gravity() >= self.from
            && (self.only.is_empty() || about.iter().any(|service| self.only.contains(service)))
    }
}

impl Deliveries {
    /// Waits until all is sent or given up, but no longer than this. The notifier must be gone.
    pub async fn finish(mut self, limit: Duration) {
        let all = async { while self.0.join_next().await.is_some() {} };
        // What is not sent by then is lost with the process.
        let _ = tokio::time::timeout(limit, all).await;
    }
}

fn gravity(from: From) -> Gravity {
    match from {
        From::Info => Gravity::Info,
        From::Notice => Gravity::Notice,
        From::Warning => Gravity::Warning,
        From::Alarm => Gravity::Alarm,
    }
}
