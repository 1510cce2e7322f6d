//! SIGHUP: the settings are read again. What can change while a server runs changes, and the rest is named.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::cli::config::settings;
use crate::config::{RawConfig, RetentionConfig};
use crate::engine::{Keep, KeepTerms, ScrubBell};
use crate::listener::Tls;

/// Everything else is read once, by threads that live as long as the server.
const RELOADABLE: [&str; 3] = ["retention_days", "retention_workflows", "retention_log_size"];

/// What a reload changes.
#[derive(Debug)]
pub(super) struct Reload {
    given: RawConfig,
    keep: Arc<Keep>,
    /// Has what is new carried out at once.
    retention: SyncSender<()>,
    /// Has the log read again.
    scrub: ScrubBell,
    /// Its files are read again whatever the settings say of them.
    tls: Option<Arc<Tls>>,
    known: BTreeMap<String, String>,
    signals: Signal,
    /// The server stops. Whoever could still wake retention would keep its thread alive.
    closing: watch::Receiver<bool>,
}

impl Reload {
    /// Watches from now on, so that no signal ends the process.
    pub(super) fn watch(
        given: RawConfig,
        (keep, retention, scrub): (Arc<Keep>, SyncSender<()>, ScrubBell),
        tls: Option<Arc<Tls>>,
        closing: watch::Receiver<bool>,
    ) -> anyhow::Result<Self> {
        let known = named(&given)?;
        Ok(Self {
            given,
            keep,
            retention,
            scrub,
            tls,
            known,
            signals: signal(SignalKind::hangup())?,
            closing,
        })
    }

    pub(super) async fn run(mut self) {
        while self.next().await {
            // One that is wrong changes nothing, as if it were not there.
            if let Err(error) = self.again() {
                error!("the settings were read again and are wrong, so nothing was changed: {error:#}");
            }
        }
    }

    /// Says whether a signal came before the end.
    async fn next(&mut self) -> bool {
        tokio::select! {
            signal = self.signals.recv() => signal.is_some(),
            _ = self.closing.wait_for(|closing| *closing) => false,
        }
    }

    fn again(&mut self) -> anyhow::Result<()> {
        let config = self.given.clone().resolve()?;
        let now = named(&self.given)?;
        if let Some(tls) = &self.tls {
            tls.reload()?;
            info!("the certificate was read again");
        }
        self.keep.set(terms(&config.retention));
        // One that has ended has nothing more to do, and one wish that waits is enough.
        let _ = self.retention.try_send(());
        self.scrub.ring();
        let names = self.known.keys().chain(now.keys());
        let mut changed: Vec<&String> =
            names.filter(|name| self.known.get(*name) != now.get(*name)).collect();
        changed.sort();
        changed.dedup();
        for name in &changed {
            if RELOADABLE.contains(&name.as_str()) {
                info!(setting = %name, value = now.get(*name).map_or("(default)", String::as_str), "a setting has changed");
            } else {
                warn!(setting = %name, "a setting was changed that takes effect at the next start");
            }
        }
        info!(changed = changed.len(), "the settings were read again");
        self.known = now;
        Ok(())
    }
}

pub(super) fn terms(config: &RetentionConfig) -> KeepTerms {
    KeepTerms {
        ms: config.ms,
        workflows: config.workflows.unwrap_or(u64::MAX),
        log_bytes: config.log_bytes.unwrap_or(u64::MAX),
    }
}

fn named(given: &RawConfig) -> anyhow::Result<BTreeMap<String, String>> {
    Ok(settings(given)?.into_iter().map(|setting| (setting.name, setting.value)).collect())
}
