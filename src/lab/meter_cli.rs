//! `reveille lab meter`: its flags, the way into the client's network, and what it prints.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use jiff::SignedDuration;
use serde::Serialize;

use super::cli::{become_command, interrupted, note};
use super::meter::{Answer, Gap, MeterOptions, MeterReport, Notice, Scheme, Url, measure};
use super::{CLIENT, Lab};

/// The version of what `--answers` prints, in its first line.
pub const ANSWERS_SCHEMA: &str = "reveille.answers/1";

/// A page costs a server little, a mail client's dialogue a process.
const EVERY: Duration = Duration::from_millis(5);
const EVERY_SMTP: Duration = Duration::from_millis(20);

#[derive(Debug, Args)]
pub(super) struct MeterArgs {
    #[command(flatten)]
    whom: Whom,
    /// Time from one request to the next [default: 5ms; 20ms for a mail server]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    every: Option<Duration>,
    /// How long to go on [default: until interrupted]
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    period: Option<Duration>,
    /// A request without a whole answer after this has failed
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    timeout: Duration,
    /// How often a failed request is sent again before it counts as failed
    #[arg(long, value_name = "N", default_value_t = 0)]
    retries: u32,
    /// List times without an answer longer than this [default: three intervals, at least 50ms]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    gap_above: Option<Duration>,
    /// Print a document at the end, schema reveille.meter/1
    #[arg(long)]
    json: bool,
    /// Print a line for every request too, schema reveille.answers/1
    #[arg(long)]
    answers: bool,
    /// Already in the client's network
    #[arg(long, hide = true)]
    inside: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Whom {
    /// The page to ask for
    #[arg(long, value_name = "URL")]
    http: Option<String>,
    /// The mail server to talk to, up to its answer to EHLO
    #[arg(long, value_name = "HOST[:PORT]")]
    smtp: Option<String>,
    /// The name server and the name to ask for; `?type=SOA` behind it for another record than A
    #[arg(long, value_name = "SERVER/NAME")]
    dns: Option<String>,
}

impl Whom {
    fn url(&self) -> Result<Url> {
        let prefixed = |scheme: &str, rest: &Option<String>| Some(format!("{scheme}://{}", rest.as_ref()?));
        let text = self.http.clone();
        let text = text.or_else(|| prefixed("smtp", &self.smtp)).or_else(|| prefixed("dns", &self.dns));
        Url::parse(&text.context("nobody to ask")?)
    }

    /// The flag that says the same.
    fn flag(url: &Url) -> [OsString; 2] {
        let text = url.to_string();
        let rest = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
        match url.scheme {
            Scheme::Http => ["--http".into(), text.into()],
            Scheme::Smtp => ["--smtp".into(), rest.into()],
            Scheme::Dns => ["--dns".into(), rest.into()],
        }
    }
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parsed: SignedDuration =
        text.parse().map_err(|_| format!("`{text}` is no time; write 5ms, 30s or 2m"))?;
    parsed.try_into().map_err(|_| format!("`{text}` is not in the future"))
}

impl MeterArgs {
    pub(super) async fn run(self, dir: &Path) -> Result<()> {
        if self.inside { self.measure().await } else { Err(self.enter_client(&Lab::open(dir)?)?) }
    }

    /// Goes on as the same program in the client's network.
    fn enter_client(&self, lab: &Lab) -> Result<anyhow::Error> {
        let url = self.whom.url()?;
        let host = lab.address(&url.host).map_or_else(|_| url.host.clone(), |address| address.to_string());
        let mut argv = inside(&env::current_exe().context("where am I")?, &Url { host, ..url });
        let times = [
            ("--every", self.every),
            ("--timeout", Some(self.timeout)),
            ("--for", self.period),
            ("--gap-above", self.gap_above),
        ];
        for (flag, time) in times {
            argv.extend(time.into_iter().flat_map(|time| [flag.into(), in_micros(time)]));
        }
        argv.extend(["--retries".into(), self.retries.to_string().into()]);
        argv.extend(self.json.then(|| "--json".into()));
        argv.extend(self.answers.then(|| "--answers".into()));
        Ok(become_command(lab.command(CLIENT, argv)?))
    }

    async fn measure(self) -> Result<()> {
        let url = self.whom.url()?;
        let usual = if url.scheme == Scheme::Smtp { EVERY_SMTP } else { EVERY };
        let options = MeterOptions {
            url,
            every: self.every.unwrap_or(usual),
            timeout: self.timeout,
            retries: self.retries,
            gap_above: self.gap_above,
        };
        let mut started = jiff::Timestamp::now();
        let notice = |notice| match notice {
            Notice::Started(at) => {
                started = at;
                self.line(&serde_json::json!({ "schema": ANSWERS_SCHEMA, "started": at }));
            }
            Notice::Answer(answer) => self.line::<Answer>(&answer),
            Notice::Answering => note(&format!("{} answers", options.url)),
            Notice::Gap(gap) => note(&gap_line(started, gap)),
        };
        let report = measure(&options, end_of(self.period), notice).await?;
        if self.json {
            writeln!(io::stdout(), "{}", serde_json::to_string(&report)?)?;
        } else if !self.answers {
            print_summary(&report)?;
        }
        Ok(())
    }

    /// A line for a program, if it wants any.
    fn line<T: Serialize>(&self, line: &T) {
        if self.answers
            && let Ok(line) = serde_json::to_string(line)
        {
            // Whoever wanted it may be gone.
            let _ = writeln!(io::stdout(), "{line}");
        }
    }
}

/// The meter as a program would start it: in the client's network, a line for each request.
pub fn command(lab: &Lab, program: &Path, url: &Url) -> Result<Command> {
    let mut argv = inside(program, url);
    argv.push("--answers".into());
    lab.command(CLIENT, argv)
}

fn inside(program: &Path, url: &Url) -> Vec<OsString> {
    let mut argv = vec![program.into(), "lab".into(), "meter".into(), "--inside".into()];
    argv.extend(Whom::flag(url));
    argv
}

fn in_micros(time: Duration) -> OsString {
    format!("{}us", time.as_micros()).into()
}

async fn end_of(period: Option<Duration>) {
    let over = async {
        match period {
            Some(period) => tokio::time::sleep(period).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = over => {}
        _ = interrupted() => {}
    }
}

fn gap_line(started: jiff::Timestamp, gap: Gap) -> String {
    let from = started + Duration::from_secs_f64(gap.from_ms / 1000.0);
    format!("no answer for {:.1} ms from {from:.3} ({:.1} ms after the start)", gap.length_ms, gap.from_ms)
}

fn print_summary(report: &MeterReport) -> Result<()> {
    let mut out = io::stdout().lock();
    let MeterReport { requests, ok, failed, retried, latency_ms: latency, .. } = report;
    writeln!(
        out,
        "{}: {requests} requests, {ok} ok, {failed} failed, {retried} good after a retry",
        report.url
    )?;
    writeln!(
        out,
        "answer after {:.1} ms (median), {:.1} ms (99 %), {:.1} ms (longest)",
        latency.median, latency.p99, latency.max
    )?;
    for (reason, count) in &report.failures {
        writeln!(out, "  {count} × {reason}")?;
    }
    for gap in &report.gaps {
        let end = if gap.open { ", not over at the end" } else { "" };
        writeln!(out, "{}{end}", gap_line(report.started, *gap))?;
    }
    writeln!(out, "longest time without an answer: {:.1} ms", report.longest_gap_ms)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_need_units() {
        assert_eq!(duration("5ms"), Ok(Duration::from_millis(5)));
        assert_eq!(duration("2500us"), Ok(Duration::from_micros(2500)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        assert!(duration("5").is_err() && duration("-1s").is_err());
    }

    #[test]
    fn whom_to_ask_survives_the_way_into_the_clients_network() {
        for text in ["http://h1/x?y", "smtp://10.0.0.1:2525/", "dns://10.0.0.1/a.test?type=SOA"] {
            let url = Url::parse(text).unwrap();
            let [flag, value] = Whom::flag(&url).map(|word| word.into_string().unwrap());
            let only = |name: &str| (flag == name).then(|| value.clone());
            let whom = Whom { http: only("--http"), smtp: only("--smtp"), dns: only("--dns") };
            assert_eq!(whom.url().unwrap(), url);
        }
    }
}
