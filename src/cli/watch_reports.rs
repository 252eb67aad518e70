//! What a monitor shows, and where: a live table, lines or JSON lines for people; history and picture for other
//! commands; the page, when asked for.

use std::io::{IsTerminal, stdout};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

use super::args::{Common, WatchArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::output;
use super::session::{self, Session};
use crate::monitor::view::View;
use crate::monitor::{Happening, Told};
use crate::notice::{Context, Deliveries, Notifier, PAUSES};
use crate::report::Volume;
use crate::report::watch::{Apart, Live, Look, WatchJson, WatchLines, WatchReport, terminal_size};
use crate::store::History;
use crate::watch::Shown;
use crate::web::{self, Publish};

/// Between two pictures left for `explain`.
const PACE: Duration = Duration::from_millis(500);

/// Happenings of before that are shown again.
const RECALLED: usize = 50;

/// How long the end waits for notices that are on their way.
const LAST_WORDS: Duration = Duration::from_secs(15);

/// While another leads, its picture is shown this often.
const LEADERS: Duration = Duration::from_secs(1);

pub struct Reports {
    /// A terminal that is stopped stops these alone.
    eyes: Apart,
    files: Apart,
    /// Notices that could not be sent.
    losses: UnboundedReceiver<Told>,
    deliveries: Deliveries,
    picture: PathBuf,
    server: Option<JoinHandle<()>>,
}

impl Reports {
    /// # Errors
    /// An address that cannot be listened on; a thread that cannot be started.
    pub async fn open(common: &Common, args: &WatchArgs, session: &Session) -> Result<Self, Failure> {
        let (history, picture) = (session.store.history(), session.store.folder().join("view.json"));
        let before = told(&history, RECALLED);
        let kept = Kept { history, picture: picture.clone(), leads: false, left: None };
        let mut files: Vec<Box<dyn WatchReport>> = vec![Box::new(kept)];
        let (lost, losses) = unbounded_channel();
        let notices = session.site.settings.notices.iter().map(|notice| notice.value.clone());
        let (notifier, deliveries) = Notifier::start(notices, context(session), &lost);
        files.push(Box::new(notifier));
        let mut server = None;
        if let Some(listen) = args.listen {
            let listener = TcpListener::bind(listen.0).await.map_err(|error| {
                Failure::new(
                    Exit::Internal,
                    anyhow::Error::new(error).context(format!("failed to listen on {listen}")),
                )
                .hint("name an address of this machine and a port that nobody has, as in `--listen 127.0.0.1:9464`")
            })?;
            let (publish, versions) = Publish::new(page(session, &before));
            files.push(Box::new(publish));
            server = Some(tokio::spawn(web::serve(listener, versions)));
        }
        let eyes = Apart::start(vec![eyes(common, args, before)]).map_err(Failure::internal)?;
        let files = Apart::start(files).map_err(Failure::internal)?;
        Ok(Self { eyes, files, losses, deliveries, picture, server })
    }

    /// Shows what happens until the monitor is gone.
    pub async fn show(mut self, mut seen: UnboundedReceiver<Shown>) {
        let mut leads = true;
        loop {
            let next = tokio::select! {
                next = tokio::time::timeout(LEADERS, seen.recv()) => next,
                Some(loss) = self.losses.recv() => {
                    self.each(|report| report.told(&loss));
                    continue;
                }
            };
            match next {
                Ok(Some(Shown::Told(told))) => {
                    leads = !matches!(told.what, Happening::StandsBy { .. });
                    self.each(|report| report.told(&told));
                }
                Ok(Some(Shown::View(view))) => self.each(|report| report.view(&view)),
                Ok(Some(Shown::Run(event))) => self.each(|report| report.run_event(&event)),
                Ok(None) => break,
                Err(_) if leads => {}
                Err(_) => {
                    if let Some(view) = read(&self.picture).await {
                        self.each(|report| report.view(&view));
                    }
                }
            }
        }
        if let Some(server) = self.server {
            server.abort();
        }
        // The last pictures, then the notices that are still on their way.
        drop((self.eyes, self.files));
        self.deliveries.finish(LAST_WORDS).await;
    }

    fn each(&mut self, mut show: impl FnMut(&mut Apart)) {
        show(&mut self.eyes);
        show(&mut self.files);
    }
}

/// The last happenings of the site's history, oldest first.
pub fn told(history: &History, count: usize) -> Vec<Told> {
    let entries = history.last(count).unwrap_or_default();
    entries.into_iter().filter_map(|entry| serde_json::from_value(entry.happening).ok()).collect()
}

pub fn volume(common: &Common) -> Volume {
    match (common.quiet, common.verbose) {
        (true, _) => Volume::Quiet,
        (false, 0) => Volume::Normal,
        (false, _) => Volume::Verbose,
    }
}

/// The leader's last picture.
async fn read(picture: &std::path::Path) -> Option<View> {
    serde_json::from_slice(&tokio::fs::read(picture).await.ok()?).ok()
}

fn page(session: &Session, before: &[Told]) -> web::Shown {
    let addresses = session
        .site
        .playbooks
        .iter()
        .map(|(name, book)| (name.clone(), book.addresses.iter().map(|address| address.value).collect()));
    let mut shown = web::Shown::new(name(session), TimeZone::system(), addresses.collect());
    shown.board.recall(before.iter().cloned());
    shown
}

/// What people call the site: its folder.
fn name(session: &Session) -> String {
    let root = session.site.root.canonicalize().unwrap_or_else(|_| session.site.root.clone());
    root.file_name().map_or("site".into(), |name| name.to_string_lossy().into_owned())
}

fn context(session: &Session) -> Context {
    let of_site = |name: &str| session.site.settings.secrets.contains_key(name);
    let secrets = session.secrets.iter().filter(|(name, _)| of_site(name));
    Context {
        site: name(session),
        root: session.site.root.clone(),
        host: session::origin().host,
        secrets: secrets.map(|(name, value)| (name.clone(), value.clone())).collect(),
        pauses: PAUSES,
        redact: session.redact_fn(),
    }
}

/// JSON lines when asked for, a live table on a terminal, lines elsewhere.
fn eyes(common: &Common, args: &WatchArgs, before: Vec<Told>) -> Box<dyn WatchReport> {
    let volume = volume(common);
    let color = output::stdout_color(common) != anstream::ColorChoice::Never;
    let look = Look { color, zone: TimeZone::system() };
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    if common.json {
        Box::new(WatchJson::new(stdout(), volume))
    } else if stdout().is_terminal() && !dumb && !args.once && volume == Volume::Normal {
        Box::new(Live::new(stdout(), look, terminal_size).recalling(before))
    } else {
        Box::new(WatchLines::new(stdout(), volume, look.color, look.zone))
    }
}

/// What other commands read: the history, and the last picture.
struct Kept {
    history: History,
    picture: PathBuf,
    leads: bool,
    left: Option<Instant>,
}

impl WatchReport for Kept {
    fn told(&mut self, told: &Told) {
        match told.what {
            Happening::Leads { .. } => self.leads = true,
            // From now on the picture is the leader's.
            Happening::StandsBy { .. } => self.leads = false,
            _ => {}
        }
        if let Err(error) = self.history.append(jiff::Timestamp::now(), told) {
            tracing::warn!(%error, "the history could not be written");
        }
    }

    fn view(&mut self, view: &View) {
        if !self.leads || self.left.is_some_and(|left| left.elapsed() < PACE) {
            return;
        }
        self.left = Some(Instant::now());
        let Ok(text) = serde_json::to_vec(view) else { return };
        let new = self.picture.with_extension("new");
        // The next one comes soon.
        let _ = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, &self.picture));
    }
}
