//! Who sees queries and answers beside the client: the log's samples (`query-sample` in `[log]`)
//! and dnstap (`[dnstap]`). Where neither is configured, an answer costs one comparison more.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::sampling::{SampleWriter, Sampler, Sampling};
use super::tap::{Tap, Tapping};
use crate::dnstap::{DnstapSettings, DnstapState, DnstapWriter};
use crate::logging::LogQueue;
use cvdns_core::answer::Transport;
use cvdns_core::config::Config;
use cvdns_core::snapshot::Snapshot;
use cvdns_io::beside;
use cvdns_net::Endpoint;

/// Sees the queries and answers of one thread or connection.
#[derive(Debug)]
pub(super) struct Observer {
    sampler: Option<Sampler>,
    /// Boxed, as each connection has an observer.
    tap: Option<Box<Tap>>,
}

/// Makes observers.
#[derive(Debug, Clone, Default)]
pub(super) struct Observing {
    sampling: Option<Sampling>,
    tapping: Option<Tapping>,
}

/// The threads that write what observers chose.
#[derive(Debug, Default)]
pub(super) struct ObservingThreads {
    samples: Option<SampleWriter>,
    dnstap: Option<DnstapWriter>,
}

impl Observing {
    /// Starts what the configuration asks for, whose path is `path`. The threads end when all
    /// observers are dropped.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub(super) fn start(
        config: &Config,
        path: &Path,
        log: &LogQueue,
        snapshots: &Arc<ArcSwap<Snapshot>>,
    ) -> io::Result<(Self, ObservingThreads)> {
        let (sampling, samples) = match config.log.query_sample {
            share if share > 0.0 => Some(Sampling::start(share, log.clone())?).unzip(),
            _ => (None, None),
        };
        let (tapping, dnstap) = match config.dnstap.destination() {
            Some(socket) => {
                let settings = DnstapSettings {
                    socket: beside(path, socket),
                    identity: config.dnstap.identity.clone(),
                    version: config.dnstap.version.clone(),
                };
                let (queue, writer) = DnstapWriter::start(settings, snapshots.clone())?;
                (Some(Tapping::new(&config.dnstap, queue)), Some(writer))
            }
            None => (None, None),
        };
        Ok((Self { sampling, tapping }, ObservingThreads { samples, dnstap }))
    }

    /// The observer for a worker's socket or a connection, if there is anything to see.
    pub(super) fn observer(&self, endpoint: Endpoint) -> Option<Observer> {
        let sampler = self.sampling.as_ref().map(|sampling| sampling.sampler(endpoint));
        let tap = self.tapping.as_ref().map(|tapping| Box::new(tapping.tap(endpoint)));
        (sampler.is_some() || tap.is_some()).then_some(Observer { sampler, tap })
    }
}

impl ObservingThreads {
    /// The counters of dnstap.
    pub(super) fn dnstap(&self) -> Arc<DnstapState> {
        self.dnstap.as_ref().map(DnstapWriter::state).unwrap_or_default()
    }

    /// Waits until all is written, but not for long. To be called when nothing is answered any
    /// more.
    pub(super) async fn end(self) {
        if let Some(samples) = self.samples {
            samples.end().await;
        }
        if let Some(dnstap) = self.dnstap {
            dnstap.end().await;
        }
    }
}

impl Observer {
    /// Whether [`Observer::set_destination`] is of use.
    pub(super) fn wants_destination(&self) -> bool {
        self.tap.is_some()
    }

    /// Says where the next query was sent to.
    pub(super) fn set_destination(&mut self, destination: Option<SocketAddr>) {
        if let Some(tap) = &mut self.tap {
            tap.set_server(destination);
        }
    }

    /// Sees a query that is about to be answered in place.
    #[inline]
    pub(super) fn query(&mut self, query: Option<&[u8]>) {
        if let (Some(tap), Some(query)) = (&mut self.tap, query) {
            tap.query(query);
        }
    }

    /// Sees the answer to that query, if there is one.
    #[inline]
    pub(super) fn answer(
        &mut self,
        answer: Option<&[u8]>,
        client: SocketAddr,
        transport: Transport,
    ) {
        if let (Some(sampler), Some(answer)) = (&mut self.sampler, answer) {
            sampler.observe(answer, client, transport);
        }
        if let Some(tap) = &mut self.tap {
            tap.answer(answer, client, transport);
        }
    }
}
