//! One connection to one server. It ends for good when it breaks: whoever needs another one makes
//! it, so that the delays, the choice of the server and the reasons of failures are ours.

use std::error::Error as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::{
    Client, ConnectError, ConnectErrorKind, Event, HeaderMap, Message, Request, RequestErrorKind,
    ServerError, Subscriber,
};
use cvdns_core::problem::excerpt;
use tokio::sync::broadcast;
use tokio::time::timeout;

use super::backoff::random;
use super::credentials;
use super::error::{Error, ErrorKind};
use super::server_url::ServerUrl;
use super::settings::Settings;

/// How long a server may take to accept a connection, with TLS and credentials.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A silent server is asked for a sign of life this often, and given up after three times.
const PING_INTERVAL: Duration = Duration::from_secs(3);
/// Messages of a subscription that wait to be taken. What comes beyond them is dropped.
const WAITING: usize = 8;
/// Most characters of what a server says.
const MAX_SAID: usize = 200;

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    client: Client,
    notices: broadcast::Sender<Notice>,
    server: ServerUrl,
}

/// What happens to a connection.
#[derive(Debug, Clone)]
pub(crate) enum Notice {
    /// It ended.
    Ended,
    /// A message was dropped, as too many waited.
    Dropped,
    /// The server says what it did not do, and why.
    Complaint(String),
}

impl Connection {
    /// Connects to one of the servers, in random order.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, Error> {
        let mut servers: Vec<(usize, &ServerUrl)> = settings.servers.iter().enumerate().collect();
        servers.sort_by_cached_key(|_| random());
        let mut failures = Vec::new();
        for (place, server) in servers {
            match Self::to(settings, server).await {
                Ok(connection) => return Ok(connection),
                // The file is the same for all servers.
                Err(error) if error.kind() == ErrorKind::Settings => return Err(error),
                Err(error) => failures.push((place, error.while_doing(&server.to_string()))),
            }
        }
        // In the order of the settings, so that the same failures are told in the same words.
        failures.sort_by_key(|(place, _)| *place);
        let all = failures.into_iter().map(|(_, error)| error).collect();
        Err(Error::of_all(all)
            .unwrap_or_else(|| Error::new(ErrorKind::Settings, "no server of NATS is configured")))
    }

    async fn to(settings: &Settings, server: &ServerUrl) -> Result<Self, Error> {
        let (notices, _) = broadcast::channel(16);
        let heard = notices.clone();
        let mut options = credentials::options(settings.credentials.as_deref())?
            .name(&settings.name)
            .ignore_discovered_servers()
            // A connection that breaks may be made again once, which is then not used.
            .max_reconnects(1)
            .reconnect_delay_callback(|_| Duration::ZERO)
            .connection_timeout(CONNECT_TIMEOUT)
            .ping_interval(PING_INTERVAL)
            .subscription_capacity(WAITING)
            .event_callback(move |event| {
                if let Some(notice) = notice(event) {
                    let _ = heard.send(notice);
                }
                std::future::ready(())
            });
        if let Some(file) = &settings.ca_file {
            options = options.add_root_certificates(file.clone());
        }
        // The library's time limit does not include looking up the name.
        let client = timeout(CONNECT_TIMEOUT, options.connect(server.to_string()))
            .await
            .map_err(|_| Error::new(ErrorKind::Timeout, "the server does not answer"))?
            .map_err(|error| connect_error(&error));
        // The library uses TLS wherever the server requires it, whatever the address says.
        let is_tls = match &client {
            Ok(client) => client.server_info().tls_required,
            Err(error) => error.kind() == ErrorKind::Tls,
        };
        if is_tls && !server.is_tls() {
            let what = "the server requires TLS, which nats:// never uses: write tls:// instead";
            return Err(Error::new(ErrorKind::Tls, what));
        }
        let client = client?;
        Ok(Self { client, notices, server: server.clone() })
    }

    /// The address of the server.
    pub(crate) fn server(&self) -> &ServerUrl {
        &self.server
    }

    /// What happens from now on.
    pub(crate) fn notices(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    /// Subscribes to a subject.
    pub(crate) async fn subscribe(&self, subject: String) -> Result<Subscriber, Error> {
        self.client.subscribe(subject).await.map_err(|_| ended())
    }

    /// Sends a request, and waits for its answer.
    pub(crate) async fn request(
        &self,
        subject: &str,
        headers: HeaderMap,
        payload: Vec<u8>,
        time: Duration,
    ) -> Result<Message, Error> {
        // With an inbox of its own, a request that is given up leaves nothing behind.
        let inbox = self.client.new_inbox();
        let octets = payload.len();
        let request = Request::new()
            .headers(headers)
            .payload(payload.into())
            .inbox(inbox.clone())
            .timeout(Some(time));
        let mut notices = self.notices();
        tokio::select! {
            answer = self.client.send_request(subject.to_owned(), request) => {
                answer.map_err(|error| match error.kind() {
                    RequestErrorKind::MaxPayloadExceeded => self.too_large(octets),
                    kind => request_error(kind),
                })
            }
            error = refused(&mut notices, subject, &inbox) => Err(error),
        }
    }

    fn too_large(&self, octets: usize) -> Error {
        let what = format!(
            "the message has {octets} octets beside its header, and the server takes {} in all: \
             raise `max_payload` in the configuration of nats-server",
            self.client.max_payload()
        );
        Error::new(ErrorKind::TooLarge, what)
    }

    /// The messages and the octets that came over this connection, and the most octets of a message
    /// that the server takes.
    pub(crate) fn received(&self) -> (u64, u64, usize) {
        let statistics = self.client.statistics();
        let messages = statistics.in_messages.load(Ordering::Relaxed);
        let octets = statistics.in_bytes.load(Ordering::Relaxed);
        (messages, octets, self.client.max_payload())
    }
}

/// The error of a connection that ended.
pub(crate) fn ended() -> Error {
    Error::new(ErrorKind::Disconnected, "the connection ended")
}

/// The error of what the server does not permit.
pub(crate) fn denied(complaint: &str) -> Error {
    Error::new(ErrorKind::Denied, format!("the server refuses it: {complaint}"))
}

/// Waits until the server refuses a request, or the connection ends.
async fn refused(notices: &mut broadcast::Receiver<Notice>, subject: &str, inbox: &str) -> Error {
    let (publish, answer) = (format!("\"{subject}\""), format!("\"{inbox}\""));
    loop {
        match notices.recv().await {
            Ok(Notice::Complaint(what)) if what.contains(&publish) || what.contains(&answer) => {
                return denied(&what);
            }
            Ok(Notice::Ended) | Err(broadcast::error::RecvError::Closed) => return ended(),
            _ => {}
        }
    }
}

fn notice(event: Event) -> Option<Notice> {
    match event {
        Event::Disconnected | Event::Closed => Some(Notice::Ended),
        Event::SlowConsumer(_) => Some(Notice::Dropped),
        Event::ServerError(ServerError::Other(what)) => {
            Some(Notice::Complaint(excerpt(&what, MAX_SAID)))
        }
        Event::ServerError(error) => Some(Notice::Complaint(error.to_string())),
        _ => None,
    }
}

fn connect_error(error: &ConnectError) -> Error {
    let mut what = error.kind().to_string();
    let mut is_tls = error.kind() == ConnectErrorKind::Tls;
    let mut source = error.source();
    while let Some(inner) = source {
        is_tls |= is_of_tls(inner);
        // Each layer repeats what is below it, or adds nothing.
        what = inner.to_string();
        source = inner.source();
    }
    let kind = match error.kind() {
        _ if is_tls => ErrorKind::Tls,
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
            ErrorKind::Unauthorized
        }
        ConnectErrorKind::TimedOut => ErrorKind::Timeout,
        _ => ErrorKind::Unreachable,
    };
    Error::new(kind, excerpt(&what, MAX_SAID))
}

/// Whether an error is one of TLS, or one of input and output with such a cause.
fn is_of_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let cause = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    error.is::<rustls::Error>()
        || cause.is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
}

fn request_error(kind: RequestErrorKind) -> Error {
    match kind {
        RequestErrorKind::TimedOut => Error::new(ErrorKind::Timeout, "no answer in time"),
        RequestErrorKind::NoResponders => Error::new(
            ErrorKind::NoBucket,
            "nobody answers: there is no such bucket or no JetStream",
        ),
        _ => ended(),
    }
}
