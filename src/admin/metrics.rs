//! The metrics, collected from the running server at each request.

mod encoder;
mod signing;
mod state;
mod traffic;
mod transferred;
mod transfers;
mod xdp;

use std::fmt::Error;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use cvdns_core::answer::Transport;
use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text, text};
use tokio::task::spawn_blocking;

use super::counted::Counted;
use super::view::{AdminState, ServerView};

use encoder::MetricsEncoder;

/// The media type of `OpenMetrics` (1.0, section "Overall Structure"). Prometheus requests it;
/// other clients get the older Prometheus text format.
const OPEN_METRICS: &str = "application/openmetrics-text";

/// Collects all metrics.
#[derive(Debug)]
pub(super) struct MetricsCollector(pub ServerView);

impl Collector for MetricsCollector {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        encode(&self.0, &mut MetricsEncoder::page(encoder, &self.0.counted_before.load()))
    }
}

/// The values of all counters, for the server that goes on with them.
///
/// # Errors
/// Never: nothing is formatted.
pub fn count(view: &ServerView) -> Result<Counted, Error> {
    let mut counted = Counted::default();
    encode(view, &mut MetricsEncoder::collector(&mut counted, &view.counted_before.load()))?;
    Ok(counted)
}

fn encode(view: &ServerView, encoder: &mut MetricsEncoder<'_, '_>) -> Result<(), Error> {
    let ServerView { snapshots, tallies, queries, reclaimer, condition, log, dnstap, .. } = view;
    let now = Timestamp::now();
    // Answers are read before received queries, so that they never exceed them.
    encoder.answered(&reclaimer.stats())?;
    encoder.queries(tallies, queries)?;
    encoder.sockets(tallies, &queries.totals(Transport::Udp))?;
    encoder.certificate(view.encrypted.as_ref())?;
    encoder.xdp(&tallies.xdp())?;
    encoder.log(log.counts())?;
    encoder.dnstap(dnstap)?;
    encoder.transfers(&view.transfers, now)?;
    let condition = condition.load();
    encoder.program(&condition)?;
    encoder.cookie_secrets(&view.cookie_secrets.load())?;
    encoder.feed(&condition, now)?;
    encoder.transferred(&condition.transferred, &view.notifies, now)?;
    let snapshot = snapshots.load();
    encoder.record(&snapshot, &condition, now)?;
    encoder.signing(&snapshot, &condition.signing)?;
    encoder.mirrors(&snapshot)?;
    encoder.reports(&snapshot.static_data.download_reports.reports())
}

/// `/metrics`, in the format that the client accepts.
pub(super) async fn show(
    State(shared): State<Arc<AdminState>>,
    headers: HeaderMap,
) -> impl IntoResponse {
    let open = accepts_open_metrics(&headers);
    // With many mirrors this takes some milliseconds, which must not delay queries over TCP.
    let encoded = spawn_blocking(move || {
        let mut text = String::new();
        let registry = &shared.registry;
        let done = if open {
            text::encode(&mut text, registry)
        } else {
            prometheus_text::encode(&mut text, registry)
        };
        done.map(|()| text)
    });
    let kind = if open {
        format!("{OPEN_METRICS}; version=1.0.0; charset=utf-8")
    } else {
        prometheus_text::CONTENT_TYPE.to_owned()
    };
    match encoded.await {
        Ok(Ok(text)) => {
            Ok(([(header::CONTENT_TYPE, kind), (header::VARY, "Accept".to_owned())], text))
        }
        Ok(Err(error)) => Err((StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n"))),
        Err(error) => Err((StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n"))),
    }
}

/// Whether the Accept field of a request names `OpenMetrics` with a weight above 0 (RFC 9110
/// section 12.5.1).
fn accepts_open_metrics(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let named = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(OPEN_METRICS));
        let weight = parts
            .filter_map(|part| part.split_once('='))
            .find(|(key, _)| key.trim().eq_ignore_ascii_case("q"));
        named
            && weight.is_none_or(|(_, weight)| {
                weight.trim().parse::<f32>().is_ok_and(|weight| weight > 0.0)
            })
    })
}
