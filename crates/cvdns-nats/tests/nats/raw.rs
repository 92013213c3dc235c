//! A plain connection to NATS, for what cvdns never does.

use async_nats::{Client, HeaderMap, Message};
use tokio::runtime::Runtime;

use super::PATIENCE;

pub(crate) struct Raw {
    client: Client,
    runtime: Runtime,
}

impl Raw {
    pub(crate) fn new(port: u16) -> Self {
        let runtime = Runtime::new().unwrap();
        let address = format!("nats://127.0.0.1:{port}");
        let client = runtime.block_on(async_nats::connect(address)).unwrap();
        Self { client, runtime }
    }

    /// The answer to a request.
    pub(crate) fn ask(&self, subject: &str, headers: &[(&str, &str)], payload: &[u8]) -> Message {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, *value);
        }
        let request = async_nats::Request::new()
            .headers(map)
            .payload(payload.to_vec().into())
            .timeout(Some(PATIENCE));
        self.runtime.block_on(self.client.send_request(subject.to_owned(), request)).unwrap()
    }

    /// The answer to a request, as text.
    pub(crate) fn say(&self, subject: &str, headers: &[(&str, &str)], payload: &[u8]) -> String {
        String::from_utf8_lossy(&self.ask(subject, headers, payload).payload).into_owned()
    }

    /// Publishes without an answer.
    pub(crate) fn publish(&self, subject: &str, payload: &[u8]) {
        let sent = async {
            self.client.publish(subject.to_owned(), payload.to_vec().into()).await.unwrap();
            self.client.flush().await.unwrap();
        };
        self.runtime.block_on(sent);
    }
}
