//! Compiles validated inputs into static data.

mod expand;
mod links;
mod nsec_chains;
mod owners;
mod plan;
mod tables;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::inputs::{ExpandedZone, Inputs, ZoneInput};
use super::name_class::NameClass;
use super::names::{NameList, NameTable};
use super::pools::PathChoice;
use super::static_data::{
    Answer, Below, Node, NodeAnswer, NodeKind, Parent, ParentDs, ReleaseText, Rule, StaticData,
    Zone,
};
use super::template::{Sections, TemplateRecord};
use super::unavailable::Unavailable;
use crate::health::FeedRequirements;
use crate::problem::Problems;
use crate::release::{CORE_DATABASES, LONGEST_TTL};
use crate::wire::name::Name;
use crate::wire::rtype;
use crate::wire::writer::Owner;
use crate::zone::file::{DB, DynamicName, Families, NameKind, PING_TTL};
use crate::zone::records::{OwnerSets, Records, ResourceRecord};

use expand::{ExpandedOwner, expand};
use nsec_chains::nsec_chains;
use owners::{Named, Origins, Owners};
use tables::Tables;

/// Longest owner of a release text, in octets of wire form: 127 characters (CLIENTS: "Owner names
/// stay under 128 bytes").
const LONGEST_TEXT_OWNER: usize = 127 + 2;

/// Compiles static data; `None` when the inputs contradict each other. `required` is what the feed
/// requires. Where the name of one of its databases collides with the inputs, that database gets no
/// name, and a warning is added to `problems`.
pub fn compile(
    inputs: &Inputs,
    required: &FeedRequirements,
    problems: &mut Problems,
) -> Option<StaticData> {
    // Inputs that had errors before are compiled only to find the remaining problems.
    let mut compiler = Compiler::new(inputs, required)?;
    let origins = origins(inputs, problems);
    for input in &inputs.zones {
        let plans = &mut compiler.tables.static_data.plans;
        plans.push(plan::plan(inputs, input, required, problems));
        let plan = plans.len() as u32 - 1;
        for zone in &input.zones {
            compiler.zone(input, zone, plan, &origins, problems);
        }
    }
    (!problems.has_errors()).then(|| compiler.finish())
}

struct Compiler<'i> {
    tables: Tables,
    /// The name of each node.
    names: NameList,
    /// Parent zones that have DS records of a zone, by the number of that zone.
    parents_with_ds: HashMap<u32, Parent>,
    /// The node of each zone's apex, by the number of the zone.
    apexes: HashMap<u32, usize>,
    /// The extra databases of the release.
    extra_databases: Vec<&'i str>,
    /// Default TTL of release texts in seconds.
    record_ttl: u32,
}

/// The zone that is being compiled.
struct CurrentZone<'c> {
    number: u32,
    /// The number of its records in the static data.
    records: u32,
    plan: u32,
    input: &'c ZoneInput,
    zone: &'c ExpandedZone,
}

impl<'i> Compiler<'i> {
    fn new(inputs: &Inputs, required: &'i FeedRequirements) -> Option<Self> {
        Some(Self {
            tables: Tables::new(inputs)?,
            names: NameList::default(),
            parents_with_ds: HashMap::new(),
            apexes: HashMap::new(),
            extra_databases: required.databases.iter().map(String::as_str).collect(),
            record_ttl: inputs.record_ttl,
        })
    }

    fn zone(
        &mut self,
        input: &ZoneInput,
        zone: &ExpandedZone,
        plan: u32,
        origins: &Origins,
        problems: &mut Problems,
    ) {
        let number = self.tables.static_data.zones.len() as u32;
        let zone = &zone.with_keys(problems);
        let records = self.tables.add_records(zone.records.clone());
        let current = CurrentZone { number, records, plan, input, zone };
        if let Some(why) = zone.unavailable {
            return self.unavailable_zone(why, &current, problems);
        }
        let mut owners = Owners::new(number, &zone.records, origins, problems);
        for name in &input.file.names {
            self.dynamic_name(name, &current, &mut owners, problems);
        }
        // Names from the files take precedence over names from the feed.
        for name in &input.file.names {
            self.extra_names(name, &current, &mut owners, problems);
        }
        owners.fill_between();
        self.add_zone(&current, problems);
        for (child, set) in &owners.child_ds {
            let answer = TemplateRecord::of(set, Owner::Question).collect();
            let sections = Sections { answer, ..Sections::default() };
            let records = &*zone.records;
            let template = self.tables.template(records, set.owner(), &sections, set, problems);
            let rrset = self.tables.add_rrset(current.records, set);
            let ds = ParentDs::Records { template, rrset };
            self.parents_with_ds.insert(*child, Parent { zone: current.number, ds });
        }
        for named in owners.names() {
            if named.name.len() == zone.records.origin.wire().len() {
                self.apexes.insert(number, self.tables.static_data.nodes.len());
            }
            self.node(&named, &current, problems);
        }
    }

    /// Adds a zone whose names are all answered with SERVFAIL: the node of its apex is the closest
    /// encloser of all of them.
    fn unavailable_zone(
        &mut self,
        why: Unavailable,
        current: &CurrentZone<'_>,
        problems: &mut Problems,
    ) {
        self.add_zone(current, problems);
        let static_data = &mut self.tables.static_data;
        self.apexes.insert(current.number, static_data.nodes.len());
        static_data.nodes.push(Node {
            zone: current.number,
            kind: NodeKind::Unavailable(why),
            below: Below::Nothing,
            first: static_data.answers.len() as u32,
            count: 0,
            class: NameClass::default(),
        });
        self.names.push(current.zone.records.origin.wire());
    }

    fn add_zone(&mut self, current: &CurrentZone<'_>, problems: &mut Problems) {
        let records = &*current.zone.records;
        let Some(soa) = records.get(&records.origin, rtype::SOA) else {
            let what = format!("the zone {} has no SOA record", records.origin);
            return problems.error(current.input.file.whole.clone(), what, "add one at `@`");
        };
        let negative_ttl = records.negative_ttl();
        let origin = records.origin.wire();
        let mut negative = |ttl| {
            let authority = TemplateRecord::of(&soa, Owner::Name(origin))
                .map(|record| TemplateRecord { ttl, ..record });
            let sections = Sections { authority: authority.collect(), ..Sections::default() };
            self.tables.template(records, origin, &sections, &soa, problems)
        };
        let no_data = ttls_of_mirrors(current.input).filter(|ttl| *ttl < negative_ttl);
        let no_data: BTreeSet<u32> = no_data.collect();
        let no_data = no_data.into_iter().map(|ttl| (ttl, negative(ttl))).collect();
        let negative = negative(negative_ttl);
        let soa = self.tables.add_rrset(current.records, &soa);
        self.tables.static_data.zones.push(Zone {
            origin: records.origin.clone(),
            soa,
            negative_ttl,
            negative,
            no_data,
            parent: None,
            unavailable: current.zone.unavailable,
            signing: current.zone.signing.clone(),
        });
    }

    /// Adds the names that a dynamic name of the zone file stands for.
    fn dynamic_name(
        &mut self,
        name: &DynamicName,
        current: &CurrentZone<'_>,
        owners: &mut Owners<'_>,
        problems: &mut Problems,
    ) {
        if matches!(name.kind, NameKind::Record | NameKind::Database) {
            warn_of_ttl(name, name.ttl.unwrap_or(self.record_ttl), problems);
        }
        for owner in expand(&name.owner.value, current.zone.country, &CORE_DATABASES) {
            if !self.expanded_name(name, &owner, current, owners, problems) {
                return;
            }
        }
    }

    /// Adds the names of the release's extra databases. No feed must keep a server from starting: a
    /// database whose name cannot be added gets none.
    fn extra_names(
        &mut self,
        name: &DynamicName,
        current: &CurrentZone<'_>,
        owners: &mut Owners<'_>,
        problems: &mut Problems,
    ) {
        if !name.owner.value.contains(DB) {
            return;
        }
        let databases = self.extra_databases.clone();
        for owner in expand(&name.owner.value, current.zone.country, &databases) {
            let mut found = Problems::default();
            self.expanded_name(name, &owner, current, owners, &mut found);
            for problem in found.iter() {
                let database = owner.database.unwrap_or_default();
                let what = format!("the feed's database {database} gets no name: {}", problem.what);
                problems.warning(problem.location.clone(), what, problem.help.clone());
            }
        }
    }

    /// Adds one of the names that a dynamic name stands for; false when it is not a valid name.
    fn expanded_name(
        &mut self,
        name: &DynamicName,
        owner: &ExpandedOwner<'_>,
        current: &CurrentZone<'_>,
        owners: &mut Owners<'_>,
        problems: &mut Problems,
    ) -> bool {
        let location = &name.owner.location;
        let origin = &current.zone.records.origin;
        let parsed = match Name::parse(&owner.name, origin) {
            Ok(parsed) if parsed.is_within(origin) => parsed,
            Ok(parsed) => {
                let what = format!("{parsed} is not within the zone {origin}");
                problems.error(location.clone(), what, "write the owner relative to the zone");
                return false;
            }
            Err(e) => {
                let what = format!("\"{}\": {e}", owner.name);
                problems.error(location.clone(), what, "write a domain name");
                return false;
            }
        };
        if matches!(name.kind, NameKind::Record | NameKind::Database)
            && parsed.wire().len() > LONGEST_TEXT_OWNER
        {
            let what = format!("{parsed} is too long a name for the record that freshclam reads");
            problems.error(location.clone(), what, "write a name of fewer than 128 characters");
            return false;
        }
        for answer in self.answers(name, &parsed, owner, current) {
            owners.add(&parsed, answer, location, problems);
        }
        true
    }

    /// The answers of one of the names that a dynamic name stands for.
    fn answers(
        &mut self,
        name: &DynamicName,
        parsed: &Name,
        owner: &ExpandedOwner<'_>,
        current: &CurrentZone<'_>,
    ) -> Vec<NodeAnswer> {
        let defaults = current.input.file.answer;
        match &name.kind {
            NameKind::Pool { pool, families } => {
                let rule = self.tables.rule(Rule {
                    plan: current.plan,
                    ttl: name.ttl.unwrap_or(defaults.ttl),
                    max: name.max.unwrap_or(defaults.max),
                    min: name.min.unwrap_or(defaults.min),
                    families: *families,
                });
                let plan = self.tables.static_data.plans.get(current.plan as usize);
                let choice =
                    plan.map_or(PathChoice::Client, |plan| plan.paths.of_pool(pool, owner.country));
                let answer = Answer::Pool { rule, choice };
                let types: &[u16] = match families {
                    Families::Both => &[rtype::A, rtype::AAAA],
                    Families::V4 => &[rtype::A],
                    Families::V6 => &[rtype::AAAA],
                };
                types.iter().map(|rtype| NodeAnswer { rtype: *rtype, answer }).collect()
            }
            NameKind::Record | NameKind::Database => {
                let database = owner.database.map(str::to_owned);
                let ttl = name.ttl.unwrap_or(self.record_ttl);
                let text = self.tables.text(ReleaseText { database, ttl });
                vec![NodeAnswer { rtype: rtype::TXT, answer: Answer::Text(text) }]
            }
            NameKind::Ping => self.download_report(name, parsed).into_iter().collect(),
        }
    }

    /// The answer of a name for download reports: the address 127.0.0.1.
    fn download_report(&mut self, name: &DynamicName, owner: &Name) -> Option<NodeAnswer> {
        let records = Records::of_one(&ResourceRecord {
            owner: owner.clone(),
            rtype: rtype::A,
            ttl: name.ttl.unwrap_or(PING_TTL),
            rdata: Box::new([127, 0, 0, 1]),
            location: name.owner.location.clone(),
        });
        let set = records.set(0)?;
        let answer = TemplateRecord::of(&set, Owner::Question).collect();
        let sections = Sections { answer, ..Sections::default() };
        let template = self.tables.static_data.templates.add(&[0], &sections)?;
        let rrset = self.tables.add_rrset(self.tables.static_data.records.len() as u32, &set);
        self.tables.add_records(Arc::new(records));
        // Reports replace the wildcard label; a name without one never receives a valid report.
        let below = owner.wire().strip_prefix(b"\x01*").unwrap_or(owner.wire());
        let answer = Answer::DownloadReport { template, rrset, suffix: below.len() as u8 };
        Some(NodeAnswer { rtype: rtype::A, answer })
    }

    fn node(&mut self, named: &Named<'_, '_>, current: &CurrentZone<'_>, problems: &mut Problems) {
        let records = &*current.zone.records;
        let apex = named.name.len() == records.origin.wire().len();
        let sets = || named.sets.iter().flat_map(OwnerSets::sets);
        let cut = sets().find(|set| set.rtype() == rtype::NS).filter(|_| !apex);
        let mut answers = Vec::new();
        let (mut alias, mut dname) = (None, None);
        // Its signatures are found by this number, as they cover the serial that is answered.
        let soa = self.tables.static_data.zone(current.number).map(|zone| zone.soa);
        // At a delegation, only DS records belong to the parent zone (RFC 4035 section 3.1.4.1).
        for set in sets().filter(|set| cut.is_none() || set.rtype() == rtype::DS) {
            let answer = TemplateRecord::of(&set, Owner::Question).collect();
            let sections = Sections { answer, ..Sections::default() };
            let template = self.tables.template(records, set.owner(), &sections, &set, problems);
            let rrset = match soa {
                Some(soa) if apex && set.rtype() == rtype::SOA => soa,
                _ => self.tables.add_rrset(current.records, &set),
            };
            match set.rtype() {
                rtype::CNAME => alias = Some(rrset),
                rtype::DNAME => dname = Some(rrset),
                _ => {}
            }
            let answer = Answer::Static { template, rrset };
            answers.push(NodeAnswer { rtype: set.rtype(), answer });
        }
        answers.extend(named.dynamic.iter().map(|(answer, _)| *answer));
        let kind = if let Some(ns) = cut {
            NodeKind::Cut(self.tables.add_cut(current.records, records, &ns, problems))
        } else if apex {
            NodeKind::Apex
        } else {
            alias.map_or(NodeKind::Plain, NodeKind::Alias)
        };
        let below = dname.map_or(Below::Nothing, Below::Dname);
        let zone = current.number;
        let static_data = &mut self.tables.static_data;
        let (first, count) = (static_data.answers.len() as u32, answers.len() as u16);
        let class = class_of(&answers);
        static_data.answers.append(&mut answers);
        static_data.nodes.push(Node { zone, kind, below, first, count, class });
        self.names.push(named.name);
    }

    fn finish(self) -> StaticData {
        let mut static_data = self.tables.static_data;
        static_data.nodes.shrink_to_fit();
        static_data.answers.shrink_to_fit();
        static_data.rrsets.shrink_to_fit();
        static_data.templates.shrink();
        static_data.names = NameTable::new(self.names.iter());
        links::link_wildcards(&mut static_data, &self.names);
        links::link_parents(&mut static_data, &self.names, &self.apexes, &self.parents_with_ds);
        static_data.chains = nsec_chains(&static_data, &self.names);
        for rule in &static_data.rules {
            if let Some(plan) = static_data.plans.get_mut(rule.plan as usize) {
                plan.ttl = plan.ttl.max(rule.ttl);
            }
        }
        static_data
    }
}

/// The TTLs of a zone file's names with mirrors, in seconds.
fn ttls_of_mirrors(input: &ZoneInput) -> impl Iterator<Item = u32> {
    let names = input.file.names.iter();
    let with_mirrors = names.filter(|name| matches!(name.kind, NameKind::Pool { .. }));
    with_mirrors.map(|name| name.ttl.unwrap_or(input.file.answer.ttl))
}

/// The class of a name with these answers. One dynamic type determines the class of the whole name,
/// because the same clients query the other types and get NODATA.
fn class_of(answers: &[NodeAnswer]) -> NameClass {
    let dynamic = answers.iter().find_map(|entry| match entry.answer {
        Answer::Static { .. } => None,
        Answer::Pool { choice: PathChoice::Client, .. } => Some(NameClass::Local),
        Answer::Pool { choice: PathChoice::Path(_) | PathChoice::Restricted(_), .. } => {
            Some(NameClass::Country)
        }
        Answer::Text(_) => Some(NameClass::Record),
        Answer::DownloadReport { .. } => Some(NameClass::DownloadReport),
    });
    dynamic.unwrap_or_default()
}

/// Warns of a long TTL. It is not an error, because the operator may choose it.
fn warn_of_ttl(name: &DynamicName, ttl: u32, problems: &mut Problems) {
    if ttl > LONGEST_TTL {
        let owner = &name.owner.value;
        let what = format!(
            "caches may hold `{owner}` for {ttl} s, until clients no longer trust its stamp (3 h)"
        );
        let help = format!(
            "a `ttl` of {LONGEST_TTL} s is the longest that keeps it younger; 1800 is usual"
        );
        problems.warning(name.owner.location.clone(), what, help);
    }
}

/// The origins of all zones.
fn origins(inputs: &Inputs, problems: &mut Problems) -> Origins {
    let mut origins = Origins::default();
    let zones =
        inputs.zones.iter().flat_map(|input| input.zones.iter().map(move |zone| (input, zone)));
    for (number, (input, zone)) in zones.enumerate() {
        let origin = &zone.records.origin;
        if !origins.add(origin, number as u32) {
            problems.error(
                input.file.origin.location.clone(),
                format!("the zone {origin} is served twice"),
                "each zone has one file: remove the other",
            );
        }
    }
    origins.link();
    origins
}
