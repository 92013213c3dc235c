//! What needs an operator's attention although the server answers.

use crate::admin::status::{FeedStatus, LogStatus, Status};
use crate::admin::xdp_status::XdpInterface;
use cvdns_core::snapshot::HeldFeed;
use cvdns_pages::operator::Remark;

/// The remarks on a status, the weightiest first.
pub(super) fn of(status: &Status) -> Vec<Remark> {
    let held = status.feed.held.as_ref().map(|held| held_back(held, &status.feed));
    let frozen = status.feed.frozen.as_ref().map(|reason| {
        remark(
            "The coordinator has frozen all states",
            format!("It does not trust what it sees: {reason}"),
        )
    });
    let stale = (status.feed.fresh == Some(false)).then(|| {
        let text = "It is older than `max-age`: the states of mirrors may no longer be true, and \
                    the record's stamp stands still";
        remark("The feed is stale", text.to_owned())
    });
    let not_taken =
        status.not_taken.iter().map(|why| remark("A source cannot be read", why.clone()));
    let record = status.record.iter();
    let suspect = record.clone().flat_map(|record| &record.suspect);
    let suspect = suspect.map(|why| remark("The release is suspect", why.clone()));
    let waits = record.flat_map(|record| &record.waits);
    let waits = waits.map(|waits| remark("A version waits for mirrors", waits.clone()));
    let dnstap = status.dnstap.iter().filter(|dnstap| !dnstap.connected).map(|dnstap| {
        let lost = format!("{} messages were dropped so far", dnstap.dropped);
        remark("No dnstap collector", format!("Nobody listens at {}: {lost}", dnstap.socket))
    });
    let log = log(&status.log);
    held.into_iter()
        .chain(frozen)
        .chain(stale)
        .chain(not_taken)
        .chain(suspect)
        .chain(waits)
        .chain(status.xdp.iter().filter_map(interface))
        .chain(log)
        .chain(dnstap)
        .collect()
}

fn remark(title: &str, text: String) -> Remark {
    Remark { title: title.to_owned(), text, command: None }
}

fn held_back(held: &HeldFeed, feed: &FeedStatus) -> Remark {
    let meanwhile = match feed.serial {
        Some(serial) => format!("Feed {serial} stays in force"),
        None => "All mirrors count as up".to_owned(),
    };
    Remark {
        title: format!("Feed {} is held back", held.serial),
        text: format!(
            "It takes away {}. {meanwhile} until a newer feed says the same, or until you accept \
             it. It was first seen at {:.0}.",
            held.takes_away, held.since
        ),
        command: Some(format!("cvdns feed accept --serial {}", held.serial)),
    }
}

fn interface(xdp: &XdpInterface) -> Option<Remark> {
    let why = xdp.fallback.as_ref()?;
    let title = format!("AF_XDP does not serve {}", xdp.interface);
    Some(remark(&title, format!("Sockets do, more slowly: {why}")))
}

fn log(log: &LogStatus) -> Option<Remark> {
    let LogStatus { dropped, write_errors, not_open, .. } = log;
    if let Some(why) = not_open {
        return Some(remark("The log's file is not open", format!("Standard error has it: {why}")));
    }
    (*dropped > 0).then(|| {
        let text = format!("{dropped} lines were dropped and {write_errors} writes refused");
        remark("Lines of the log were lost", text)
    })
}
