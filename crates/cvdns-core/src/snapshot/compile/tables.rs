//! The tables of static data while they are being filled.

use std::collections::HashMap;
use std::sync::Arc;

use crate::problem::Problems;
use crate::snapshot::download_reports::DownloadReports;
use crate::snapshot::inputs::Inputs;
use crate::snapshot::names::NameTable;
use crate::snapshot::static_data::{Cut, ReleaseText, RrsetRef, Rule, StaticData};
use crate::snapshot::template::{Sections, TemplateId, TemplateRecord, Templates};
use crate::wire::name::{MAX_NAME, lowered};
use crate::wire::writer::Owner;
use crate::wire::{HEADER, MAX_MESSAGE, class, rtype};
use crate::zone::file::RecordsSource;
use crate::zone::records::{Records, Rrset};

/// TTL in seconds of the minimal answer to ANY, which never changes (RFC 8482 section 4.2).
const ANY_TTL: u32 = 3600;

/// Static data under construction. Equal rules and texts are stored once.
pub(super) struct Tables {
    pub static_data: StaticData,
    rules: HashMap<Rule, u32>,
    texts: HashMap<ReleaseText, u32>,
}

impl Tables {
    /// Tables without zones; `None` if the minimal answer to ANY fitted into no message, which
    /// cannot happen.
    pub(super) fn new(inputs: &Inputs) -> Option<Self> {
        let mut templates = Templates::default();
        let record = TemplateRecord {
            owner: Owner::Question,
            rtype: rtype::HINFO,
            class: class::IN,
            ttl: ANY_TTL,
            rdata: b"\x07RFC8482\x00",
        };
        let minimal_any =
            templates.add(&[0], &Sections { answer: vec![record], ..Sections::default() })?;
        let static_data = StaticData {
            names: NameTable::default(),
            nodes: Vec::new(),
            answers: Vec::new(),
            records: Vec::new(),
            rrsets: Vec::new(),
            cuts: Vec::new(),
            templates,
            zones: Vec::new(),
            chains: Box::default(),
            plans: Vec::new(),
            rules: Vec::new(),
            texts: Vec::new(),
            minimal_any,
            has_primaries: inputs
                .zones
                .iter()
                .any(|zone| matches!(zone.file.records, RecordsSource::Primary(_))),
            download_reports: DownloadReports::new(inputs.zones.iter().map(|zone| &*zone.fleet)),
            countries: inputs.countries.clone(),
            settings: inputs.settings.clone(),
        };
        Some(Self { static_data, rules: HashMap::new(), texts: HashMap::new() })
    }

    /// Adds the records of a zone. Returns their number.
    pub(super) fn add_records(&mut self, records: Arc<Records>) -> u32 {
        self.static_data.records.push(records);
        self.static_data.records.len() as u32 - 1
    }

    /// Adds an `RRset` of the records with this number. Returns its number.
    pub(super) fn add_rrset(&mut self, records: u32, set: &Rrset<'_>) -> u32 {
        self.static_data.rrsets.push(RrsetRef { records, set: set.number() });
        self.static_data.rrsets.len() as u32 - 1
    }

    /// The number of a rule, which is added if it is new.
    pub(super) fn rule(&mut self, rule: Rule) -> u32 {
        *self.rules.entry(rule).or_insert_with(|| {
            self.static_data.rules.push(rule);
            self.static_data.rules.len() as u32 - 1
        })
    }

    /// The number of a release text, which is added if it is new.
    pub(super) fn text(&mut self, text: ReleaseText) -> u32 {
        *self.texts.entry(text.clone()).or_insert_with(|| {
            self.static_data.texts.push(text);
            self.static_data.texts.len() as u32 - 1
        })
    }

    /// Writes the sections of a response to a question for a name in the zone of `records`.
    /// `shortest` is the shortest name that they answer, and `set` the `RRset` to blame if no
    /// message has room for them.
    pub(super) fn template(
        &mut self,
        records: &Records,
        shortest: &[u8],
        sections: &Sections<'_>,
        set: &Rrset<'_>,
        problems: &mut Problems,
    ) -> TemplateId {
        let templates = &mut self.static_data.templates;
        let written = templates.add(records.origin.wire(), sections);
        let length =
            |id: TemplateId| Some(HEADER + shortest.len() + 4 + templates.get(id)?.octets.len());
        let fits = written.filter(|id| length(*id).is_some_and(|length| length <= MAX_MESSAGE));
        fits.unwrap_or_else(|| {
            problems.error(
                set.location(),
                format!("an answer with the records of {} is over 65,535 octets", set.owner_name()),
                "no message holds it, not even by TCP: remove some of them",
            );
            0
        })
    }

    /// Adds a delegation. Its referral has the NS records, and every address of the name servers
    /// that the zone has (RFC 9471). `number` is that of `records`. Returns the delegation's
    /// number.
    pub(super) fn add_cut(
        &mut self,
        number: u32,
        records: &Records,
        ns: &Rrset<'_>,
        problems: &mut Problems,
    ) -> u32 {
        let glue: Vec<Rrset<'_>> = ns
            .rdatas()
            .filter_map(|target| {
                let mut lower = [0; MAX_NAME];
                records.owner(lowered(target, &mut lower))
            })
            .flat_map(|owner| [owner.get(rtype::A), owner.get(rtype::AAAA)])
            .flatten()
            .collect();
        let sections = Sections {
            authority: TemplateRecord::of(ns, Owner::Name(ns.owner())).collect(),
            additional: glue
                .iter()
                .flat_map(|set| TemplateRecord::of(set, Owner::Name(set.owner())))
                .collect(),
            ..Sections::default()
        };
        let referral = self.template(records, ns.owner(), &sections, ns, problems);
        let ns = self.add_rrset(number, ns);
        for set in &glue {
            self.add_rrset(number, set);
        }
        self.static_data.cuts.push(Cut { ns, glue: glue.len() as u32, referral });
        self.static_data.cuts.len() as u32 - 1
    }
}
