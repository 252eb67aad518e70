//! The `address_*` commands of a simulated host, as `sh/address.sh` and `sh/ask.sh` promise them.

use std::net::IpAddr;

use super::host::Ms;
use super::net::Place;
use super::shell::{Gone, Job, Said};

/// A listening that ended no longer ago than this counts for a step that would listen.
const LISTENED_MS: u64 = 1000;

/// And for a claim.
const SILENT_MS: u64 = 3000;

/// The words of an `address_*` command.
#[derive(Debug, Default)]
struct Options {
    lease_ms: Option<u64>,
    check_ms: u64,
    addresses: Vec<IpAddr>,
}

impl Options {
    fn of(words: &[&str]) -> Option<Self> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--device" => _ = words.next()?,
                "--lease" => options.lease_ms = Some(words.next()?.parse::<u64>().ok()? * 1000),
                "--check" => options.check_ms = words.next()?.parse().ok()?,
                address => options.addresses.push(address.split('/').next()?.parse().ok()?),
            }
        }
        Some(options)
    }
}

impl Job {
    pub(super) async fn address(&self, word: &str, words: &[&str]) -> Result<Said, Gone> {
        let (first, rest) = match word {
            "address_is" | "address_silent" => {
                words.split_first().map_or(("", words), |(first, rest)| (*first, rest))
            }
            "address_renew" => {
                (words.get(1).copied().unwrap_or_default(), words.get(2..).unwrap_or_default())
            }
            _ => ("", words),
        };
        let Some(options) = Options::of(rest) else { return Ok(self.unknown(&[&[word], words].concat())) };
        match word {
            "address_is" => self.address_is(first, &options).await,
            "address_up" => self.address_up(&options, true).await,
            "address_absent" => self.address_absent(&options, true).await,
            "address_back" => self.address_back(&options).await,
            "address_silent" => self.address_silent(first.parse().unwrap_or(400), &options).await,
            "address_announce" => self.address_announce(&options).await,
            _ => Ok(self.unknown(&[&[word], words].concat())),
        }
    }

    /// How long the host still holds it: not at all, until then, or for ever.
    fn held(&self, address: IpAddr) -> Result<Option<Option<Ms>>, Gone> {
        self.see(|inside| {
            let now = inside.now;
            let host = &inside.hosts[self.host];
            host.holds(address, now).then(|| host.held[&address])
        })
    }

    async fn address_is(&self, state: &str, options: &Options) -> Result<Said, Gone> {
        self.nap(3).await?;
        let now = self.world.now();
        for address in &options.addresses {
            let held = self.held(*address)?;
            let fresh = |until: Option<Ms>| match (until, options.lease_ms) {
                (None, None) => true,
                (Some(until), Some(lease)) => (until - now) * 2 >= lease && until - now <= lease,
                _ => false,
            };
            let so = match state {
                "up" => held.is_some_and(fresh),
                "absent" => held.is_none(),
                other => return Ok(self.unknown(&["address_is", other])),
            };
            if !so {
                return Ok(Said::is(false));
            }
        }
        Ok(Said::ok())
    }

    async fn address_up(&self, options: &Options, notes: bool) -> Result<Said, Gone> {
        let mut claims = Vec::new();
        for address in &options.addresses {
            match self.held(*address)? {
                Some(_) => self.add(*address, options.lease_ms)?,
                None => claims.push(*address),
            }
        }
        if claims.is_empty() {
            return Ok(Said::ok());
        }
        if options.check_ms > 0 && !self.just_silent(&claims)? {
            if let Some(said) = self.unanswered(options.check_ms, &claims).await? {
                return Ok(said);
            }
        }
        self.nap(2).await?;
        for address in claims {
            if notes {
                self.note_address(address, "absent".to_owned())?;
            }
            self.inside(|inside| inside.claims(self.host, &self.program.service))?;
            self.add(address, options.lease_ms)?;
            self.tell(&format!("takes {address}"));
        }
        Ok(Said::ok())
    }

    fn add(&self, address: IpAddr, lease_ms: Option<u64>) -> Result<(), Gone> {
        self.inside(|inside| {
            let until = lease_ms.map(|lease| inside.now + lease);
            inside.hosts[self.host].held.insert(address, until);
        })
    }

    async fn address_absent(&self, options: &Options, notes: bool) -> Result<Said, Gone> {
        self.nap(6).await?;
        for address in &options.addresses {
            let Some(until) = self.held(*address)? else { continue };
            if notes {
                let left = until.map_or("forever".to_owned(), |until| (until - self.world.now()).to_string());
                self.note_address(*address, left)?;
            }
            self.with(|host| host.held.remove(address))?;
            self.tell(&format!("gives {address} up"));
        }
        Ok(Said::ok())
    }

    async fn address_back(&self, options: &Options) -> Result<Said, Gone> {
        let run = self.program.run.clone();
        for address in &options.addresses {
            let key = format!("address-{address}");
            let Some(kept) = self.share(|share| share.recall(&run, &key))? else { continue };
            let one = |lease_ms| Options { lease_ms, check_ms: options.check_ms, addresses: vec![*address] };
            let said = match kept.as_str() {
                "absent" => self.address_absent(&one(None), false).await?,
                "forever" => self.address_up(&one(None), false).await?,
                left => self.address_up(&one(left.parse().ok()), false).await?,
            };
            if said.code != 0 {
                return Ok(said);
            }
            self.share(|share| share.forget(&run, &key))?;
        }
        Ok(Said::ok())
    }

    fn note_address(&self, address: IpAddr, text: String) -> Result<(), Gone> {
        self.share(|share| share.keep(&self.program.run, &format!("address-{address}"), text))
    }

    /// Listens, unless it has just done so.
    async fn address_silent(&self, window_ms: u64, options: &Options) -> Result<Said, Gone> {
        if self.listened(LISTENED_MS, window_ms, &options.addresses)? {
            return Ok(Said::ok());
        }
        if let Some(said) = self.unanswered(window_ms, &options.addresses).await? {
            return Ok(said);
        }
        let now = self.world.now();
        self.with(|host| {
            if let Some(share) = host.shares.get_mut(&self.program.service) {
                share.silent = Some((self.program.epoch, now, options.addresses.clone()));
            }
        })?;
        Ok(Said::ok())
    }

    /// Whether nobody answered a moment ago, in this epoch or the one before.
    fn listened(&self, age_ms: u64, _window_ms: u64, addresses: &[IpAddr]) -> Result<bool, Gone> {
        let (now, epoch) = (self.world.now(), self.program.epoch);
        self.share(|share| {
            share.silent.as_ref().is_some_and(|(heard_in, at, heard)| {
                (*heard_in == epoch || heard_in.next() == epoch)
                    && at + age_ms >= now
                    && addresses.iter().all(|address| heard.contains(address))
            })
        })
    }

    /// Counts once.
    fn just_silent(&self, addresses: &[IpAddr]) -> Result<bool, Gone> {
        let silent = self.listened(SILENT_MS, 0, addresses)?;
        if silent {
            self.share(|share| share.silent = None)?;
        }
        Ok(silent)
    }

    /// Asks three times. What it says if somebody answers.
    async fn unanswered(&self, window_ms: u64, addresses: &[IpAddr]) -> Result<Option<Said>, Gone> {
        for _ in 0..3 {
            self.nap(window_ms / 3).await?;
            for address in addresses {
                let found = self.see(|inside| inside.answerers(Place::Host(self.host), *address))?;
                if let Some(other) = found.first() {
                    return Ok(Some(Said::failed(format!("{address} is held by {}", Place::Host(*other)))));
                }
            }
        }
        Ok(None)
    }

    async fn address_announce(&self, options: &Options) -> Result<Said, Gone> {
        self.nap(3).await?;
        for address in &options.addresses {
            if self.held(*address)?.is_none() {
                return Ok(Said::failed(format!("{address} is not held here")));
            }
        }
        Ok(Said::ok())
    }
}
