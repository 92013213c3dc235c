//! Who gets what: a question, and the answer that a client gets to it.

use askama::Template;
use cvdns_core::geo::country::Country;
use jiff::Timestamp;

use crate::layout::{Frame, Site, render};
use crate::map::{self, Mark, Stop, Way};
use crate::parts::{Fact, Field};
use crate::pool::Pool;
use crate::show::{ShowMoment as _, ShowText as _};

/// The page that tells who gets what.
#[derive(Debug, Clone)]
pub struct WhoPage {
    /// The network and the program.
    pub site: Site,
    /// The name of the server's machine.
    pub machine: String,
    /// The question.
    pub form: WhoForm,
    /// The answer; `None` if the question is wrong, or none was asked.
    pub told: Option<Told>,
}

/// The question, as it was typed.
#[derive(Debug, Clone, Default)]
pub struct WhoForm {
    /// The name.
    pub name: Field,
    /// The record type; empty for the usual one of the name.
    pub rtype: Field,
    /// The client: an address or a network.
    pub client: Field,
    /// The moment; empty for now.
    pub at: Field,
    /// Names of the server that one may ask for.
    pub names: Vec<String>,
}

/// The answer to a question, and why it is what it is.
#[derive(Debug, Clone)]
pub struct Told {
    /// The question: name and type.
    pub question: String,
    /// The client, in words.
    pub client: String,
    /// The moment of the answer.
    pub moment: Timestamp,
    /// What is to be known of an answer at another moment than now; empty for now.
    pub foresight: Vec<String>,
    /// The kind of answer.
    pub verdict: Verdict,
    /// The name of the server that may have been meant, if the one of the question is none of it.
    pub meant: Option<String>,
    /// Addresses of mirrors in the order of the answer.
    pub addresses: Vec<AnsweredAddress>,
    /// How many answers take turns; `None` without mirrors.
    pub windows: Option<u32>,
    /// The sections of the answer that have records.
    pub sections: Vec<AnswerSection>,
    /// The extended DNS error (RFC 8914).
    pub extended_error: Option<String>,
    /// What led to the answer, beside pools.
    pub facts: Vec<Fact>,
    /// The pools of the path, in order.
    pub pools: Vec<WalkedPool>,
    /// The client's country; `None` if it is not known or does not matter.
    pub country: Option<Country>,
    /// The countries with mirrors.
    pub marks: Vec<Mark>,
    /// The command that tells the same.
    pub command: String,
}

/// The kind of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The RCODE, or what is more than that: `NODATA`.
    pub code: String,
    /// The kind of answer, its TTL and its scope.
    pub words: String,
}

impl Verdict {
    /// The kind of an answer with this RCODE and these words, which may begin with a code.
    pub fn of(rcode: &str, words: &str) -> Self {
        let is_code = |code: &str| code.bytes().all(|octet| octet.is_ascii_uppercase());
        let begun = words.split_once(": ").filter(|(code, _)| is_code(code));
        let (code, words) = begun.unwrap_or((rcode, words));
        Self { code: code.to_owned(), words: words.to_owned() }
    }
}

/// A section of an answer.
#[derive(Debug, Clone)]
pub struct AnswerSection {
    /// Its name.
    pub name: &'static str,
    /// Its records in presentation format.
    pub records: Vec<String>,
}

/// An address of an answer.
#[derive(Debug, Clone)]
pub struct AnsweredAddress {
    /// The address.
    pub address: String,
    /// The mirror's host.
    pub host: String,
    /// The mirror's country.
    pub country: Country,
    /// The pool that it was drawn from.
    pub pool: Pool,
}

/// A pool of a path.
#[derive(Debug, Clone)]
pub struct WalkedPool {
    /// The pool.
    pub pool: Pool,
    /// Whether addresses were drawn from it.
    pub drawn: bool,
    /// Whether it gave any.
    pub answers: bool,
    /// What it gave, in words.
    pub words: String,
    /// Its mirrors, as many as a page shows.
    pub members: Vec<WalkedMirror>,
    /// Number of its mirrors that are not shown.
    pub more: usize,
}

/// A mirror of a pool.
#[derive(Debug, Clone)]
pub struct WalkedMirror {
    /// Its host.
    pub host: String,
    /// Whether any of its addresses may be answered.
    pub answers: bool,
    /// Its addresses, or why it is left out.
    pub words: String,
}

impl WhoPage {
    /// The page as HTML.
    pub fn to_html(&self) -> String {
        let Self { site, form, .. } = self;
        render(&WhoTemplate {
            frame: Frame { site, root: "" },
            page: self,
            form,
            legend: map::way_legend(),
        })
    }
}

impl WhoForm {
    /// Whether anything of it is wrong.
    pub fn is_wrong(&self) -> bool {
        self.errors().next().is_some()
    }

    /// What is wrong, with the identifier of each field.
    fn errors(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let fields = [
            ("name", &self.name),
            ("type", &self.rtype),
            ("client", &self.client),
            ("at", &self.at),
        ];
        fields.into_iter().filter_map(|(id, field)| Some((id, field.error.as_deref()?)))
    }
}

impl Told {
    /// The map with the way to the mirrors; `None` if nothing of the way has a place on it.
    fn map(&self) -> Option<String> {
        let way = self.way();
        way.is_on_map(&self.marks).then(|| map::with_path(&self.marks, &way))
    }

    /// What the map shows of the way, in words.
    fn caption(&self) -> String {
        let way = self.way();
        let from = if way.shows_client() {
            "Pools asked for this client, in order. The ring is the country of the client. "
        } else {
            "Pools asked for this client, in order. The country of the client is not known. "
        };
        let without = way.without_place(&self.marks);
        let elsewhere = match &*without {
            [] => String::new(),
            [one] => format!("Pool {one} has no place on the map. "),
            more => format!("Pools {} have no place on the map. ", more.join(", ")),
        };
        format!("{from}{elsewhere}The list below says the same.")
    }

    fn way(&self) -> Way {
        let stop = |pool: &WalkedPool| Stop { pool: pool.pool.clone(), answers: pool.answers };
        let stops: Vec<Stop> = self.pools.iter().map(stop).collect();
        Way { client: self.country, stops }
    }
}

#[derive(Template)]
#[template(path = "who.html")]
struct WhoTemplate<'a> {
    frame: Frame<'a>,
    page: &'a WhoPage,
    form: &'a WhoForm,
    legend: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_said_once() {
        for (rcode, words, expected) in [
            (
                "NXDOMAIN",
                "NXDOMAIN: the name does not exist",
                ("NXDOMAIN", "the name does not exist"),
            ),
            ("NOERROR", "NODATA: no records", ("NODATA", "no records")),
            (
                "NOERROR",
                "addresses of mirrors, TTL 60 s",
                ("NOERROR", "addresses of mirrors, TTL 60 s"),
            ),
            ("NOERROR", "a referral: the name", ("NOERROR", "a referral: the name")),
        ] {
            let Verdict { code, words } = Verdict::of(rcode, words);
            assert_eq!((&*code, &*words), expected);
        }
    }
}
