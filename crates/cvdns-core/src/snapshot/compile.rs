//! Compiles inputs into a frame.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::download_reports::DownloadReports;
use super::inputs::{Databases, ExpandedZone, Inputs, ZoneInput};
use super::name_class::NameClass;
use super::names::{NameList, NameTable};
use super::owners::{Named, Origins, Owners, Place};
use super::pools::{Along, MAX_PATHS, Paths, Pool};
use super::static_data::{
    Answer, Below, Cut, Holding, Node, NodeKind, Parent, ParentDs, Plan, Rule, SetPlace,
    StaticData, Text, Zone,
};
use super::template::{Line, Sections, TemplateId, Templates};
use crate::geo::country::{self, Country};
use crate::problem::Problems;
use crate::release::{CORE_DATABASES, LONGEST_TTL};
use crate::wire::lower::LowerName;
use crate::wire::name::{MAX_NAME, Name, parent as wire_parent};
use crate::wire::{HEADER, MAX_MESSAGE, class, rtype, writer};
use crate::zone::file::{CC, DB, DynamicName, Families, NameKind, PING_TTL, PoolRef};
use crate::zone::records::{OwnerSets, Records, ResourceRecord, Rrset};

/// TTL in seconds of the minimal answer to ANY: it never changes (RFC 8482 section 4.2).
const ANY_TTL: u32 = 3600;

/// Longest owner of a record in octets of wire form: 127 characters (CLIENTS: "Owner names stay under 128 bytes").
const LONGEST_RECORD_OWNER: usize = 127 + 2;

/// Compiles a frame; `databases` are the release's extra ones, which have names: where one collides with what the files say, it
/// gets none, and that is a warning. None when the inputs contradict each other.
pub fn compile(
    inputs: &Inputs,
    databases: &Databases,
    problems: &mut Problems,
) -> Option<StaticData> {
    // Inputs in which something was wrong before are compiled for the problems alone.
    let mut compiler = Compiler::new(inputs, databases)?;
    let origins = origins(inputs, problems);
    for input in &inputs.zones {
        let plan = compiler.plan(inputs, input, problems);
        for zone in &input.zones {
            compiler.zone(input, zone, plan, &origins, problems);
        }
    }
    (!problems.has_errors()).then(|| compiler.finish())
}

struct Compiler<'i> {
    static_data: StaticData,
    names: NameList,
    rules: HashMap<Rule, u32>,
    texts: HashMap<(Option<String>, u32), u32>,
    /// DS records for the apex of a zone, and the zone that holds them.
    parents: HashMap<u32, Parent>,
    apexes: HashMap<u32, usize>,
    /// The release's extra databases.
    extra: Vec<&'i str>,
    record_ttl: u32,
}

/// The zone that is being compiled.
struct Current<'c> {
    number: u32,
    /// The number of its records in the frame.
    records: u32,
    plan: u32,
    input: &'c ZoneInput,
    zone: &'c ExpandedZone,
    place: Place<'c>,
}

impl<'i> Compiler<'i> {
    fn new(inputs: &Inputs, databases: &'i Databases) -> Option<Self> {
        let mut templates = Templates::default();
        let line = Line {
            owner: writer::Owner::Question,
            rtype: rtype::HINFO,
            class: class::IN,
            ttl: ANY_TTL,
            rdata: b"\x07RFC8482\x00",
        };
        let minimal_any =
            templates.add(&[0], &Sections { answer: vec![line], ..Sections::default() })?;
        let static_data = StaticData {
            names: NameTable::default(),
            nodes: Vec::new(),
            holdings: Vec::new(),
            records: Vec::new(),
            rrsets: Vec::new(),
            cuts: Vec::new(),
            templates,
            zones: Vec::new(),
            plans: Vec::new(),
            rules: Vec::new(),
            texts: Vec::new(),
            minimal_any,
            download_reports: DownloadReports::of(inputs.zones.iter().map(|zone| &*zone.fleet)),
            countries: inputs.countries.clone(),
            settings: inputs.settings.clone(),
        };
        Some(Self {
            static_data,
            names: NameList::default(),
            rules: HashMap::new(),
            texts: HashMap::new(),
            parents: HashMap::new(),
            apexes: HashMap::new(),
            extra: databases.iter().map(String::as_str).collect(),
            record_ttl: inputs.record_ttl,
        })
    }

    /// The paths of a zone file's fleet.
    fn plan(&mut self, inputs: &Inputs, input: &ZoneInput, problems: &mut Problems) -> u32 {
        let file = &input.file;
        let pools = file.names.iter().filter_map(|name| match &name.kind {
            NameKind::Pool { pool, .. } => Some((pool, &name.owner.location)),
            _ => None,
        });
        let pools: Vec<_> = pools.chain([(&file.unknown.value, &file.unknown.location)]).collect();
        let named: Vec<PoolRef> = pools.iter().map(|(pool, _)| (*pool).clone()).collect();
        let asks = |(pool, _): &(&PoolRef, _)| matches!(pool, PoolRef::Client);
        let asks = pools.iter().any(asks);
        let none = BTreeSet::new();
        let continents = if asks { inputs.countries.continents() } else { &none };
        let paths =
            Paths::new(&input.fleet, &file.neighbours, &file.unknown.value, &named, continents);
        for (pool, location) in &pools {
            if let PoolRef::Named(name) = pool
                && input.fleet_complete
                && paths.members(&Pool::Named(name.clone())).is_none()
            {
                problems.error(
                    (*location).clone(),
                    format!("no mirror is in the pool {name}"),
                    format!("add pools = [\"{name}\"] to its mirrors in the fleet file"),
                );
            }
        }
        if input.fleet_complete
            && input.file.mirrors.is_some()
            && input.fleet.enabled().next().is_none()
        {
            let what = "the fleet has no mirror that takes part";
            problems.error(
                input.file.whole.clone(),
                what,
                "add [[mirror]] entries to the fleet file",
            );
        }
        if paths.paths.len() > MAX_PATHS {
            let what = format!("the names and the fleet make {} paths", paths.paths.len());
            problems.error(
                input.file.whole.clone(),
                what,
                format!("name fewer pools: {MAX_PATHS} paths fit"),
            );
        }
        let clients = asks.then(|| Arc::new(inputs.countries.table(|area| paths.of_client(area))));
        let origin = input.file.origin.value.as_str().into();
        self.static_data.plans.push(Plan {
            origin,
            fleet: input.fleet.clone(),
            paths,
            clients,
            ttl: 0,
        });
        self.static_data.plans.len() as u32 - 1
    }

    fn zone(
        &mut self,
        input: &ZoneInput,
        zone: &ExpandedZone,
        plan: u32,
        origins: &Origins,
        problems: &mut Problems,
    ) {
        let number = self.static_data.zones.len() as u32;
        let records = &*zone.records;
        let held = self.hold(zone.records.clone());
        let mut owners = Owners::new(number, records, origins, problems);
        let place = Place { origins, records };
        let current = Current { number, records: held, plan, input, zone, place };
        for name in &input.file.names {
            self.dynamic(name, &current, &mut owners, problems);
        }
        // What files say comes first, whatever a feed adds.
        for name in &input.file.names {
            self.extra(name, &current, &mut owners, problems);
        }
        owners.fill_between();
        self.add_zone(&current, &owners, problems);
        for named in owners.names() {
            if named.name.len() == records.origin.wire().len() {
                self.apexes.insert(number, self.static_data.nodes.len());
            }
            self.node(&named, &current, problems);
        }
    }

    fn add_zone(&mut self, current: &Current<'_>, owners: &Owners<'_>, problems: &mut Problems) {
        let records = &*current.zone.records;
        // A zone without a SOA was noted when its records were read; the compile ends in errors either way.
        let Some(soa) = records.get(&records.origin, rtype::SOA) else {
            let what = format!("the zone {} has no SOA record", records.origin);
            return problems.error(current.input.file.whole.clone(), what, "add one at `@`");
        };
        let negative_ttl = records.negative_ttl();
        let origin = records.origin.wire();
        let authority = Line::of(&soa, writer::Owner::Name(origin))
            .map(|line| Line { ttl: negative_ttl, ..line });
        let sections = Sections { authority: authority.collect(), ..Sections::default() };
        let negative = self.template(records, origin, &sections, &soa, problems);
        let soa = self.rrset(current.records, &soa);
        self.static_data.zones.push(Zone {
            origin: records.origin.clone(),
            soa,
            negative_ttl,
            negative,
            parent: None,
        });
        for (child, set) in &owners.child_ds {
            let answer = Line::of(set, writer::Owner::Question).collect();
            let sections = Sections { answer, ..Sections::default() };
            let template = self.template(records, set.owner(), &sections, set, problems);
            let rrset = self.rrset(current.records, set);
            let ds = ParentDs::Records { template, rrset };
            self.parents.insert(*child, Parent { zone: current.number, ds });
        }
    }

    fn dynamic(
        &mut self,
        name: &DynamicName,
        current: &Current<'_>,
        owners: &mut Owners<'_>,
        problems: &mut Problems,
    ) {
        if matches!(name.kind, NameKind::Record | NameKind::Database) {
            warn_of_ttl(name, name.ttl.unwrap_or(self.record_ttl), problems);
        }
        for (text, country) in expand(&name.owner.value, current.zone.country, &CORE_DATABASES) {
            if !self.expanded(name, &text, country, current, owners, problems) {
                return;
            }
        }
    }

    /// The names of the release's extra databases. No feed keeps a server from serving: what is wrong with one of them costs
    /// that one its name.
    fn extra(
        &mut self,
        name: &DynamicName,
        current: &Current<'_>,
        owners: &mut Owners<'_>,
        problems: &mut Problems,
    ) {
        if !name.owner.value.contains(DB) {
            return;
        }
        for (text, country) in expand(&name.owner.value, current.zone.country, &self.extra.clone())
        {
            let mut found = Problems::default();
            self.expanded(name, &text, country, current, owners, &mut found);
            for problem in found.iter() {
                let database = text.database.unwrap_or_default();
                let what = format!("the feed's database {database} gets no name: {}", problem.what);
                problems.warning(problem.location.clone(), what, problem.help.clone());
            }
        }
    }

    /// One name that a dynamic name stands for; false when it is none.
    fn expanded(
        &mut self,
        name: &DynamicName,
        text: &Expanded<'_>,
        country: Option<Country>,
        current: &Current<'_>,
        owners: &mut Owners<'_>,
        problems: &mut Problems,
    ) -> bool {
        let location = &name.owner.location;
        let parsed = match Name::parse(&text.name, &current.zone.records.origin) {
            Ok(parsed) if parsed.is_within(&current.zone.records.origin) => parsed,
            Ok(parsed) => {
                let what =
                    format!("{parsed} is not within the zone {}", current.zone.records.origin);
                problems.error(location.clone(), what, "write the owner relative to the zone");
                return false;
            }
            Err(e) => {
                problems.error(
                    location.clone(),
                    format!("\"{}\": {e}", text.name),
                    "write a domain name",
                );
                return false;
            }
        };
        if matches!(name.kind, NameKind::Record | NameKind::Database)
            && parsed.wire().len() > LONGEST_RECORD_OWNER
        {
            let what = format!("{parsed} is longer than freshclam can take the record of a name");
            problems.error(location.clone(), what, "write a name of fewer than 128 characters");
            return false;
        }
        for holding in self.holdings(name, &parsed, text.database, country, current) {
            owners.add(current.number, &parsed, holding, location, &current.place, problems);
        }
        true
    }

    /// What a dynamic name holds.
    fn holdings(
        &mut self,
        name: &DynamicName,
        owner: &Name,
        database: Option<&str>,
        country: Option<Country>,
        current: &Current<'_>,
    ) -> Vec<Holding> {
        let defaults = current.input.file.answer;
        match &name.kind {
            NameKind::Pool { pool, families } => {
                let rule = self.rule(Rule {
                    plan: current.plan,
                    ttl: name.ttl.unwrap_or(defaults.ttl),
                    max: name.max.unwrap_or(defaults.max),
                    min: name.min.unwrap_or(defaults.min),
                    families: *families,
                });
                let plan = self.static_data.plans.get(current.plan as usize);
                let along = plan.map_or(Along::Client, |plan| plan.paths.of_pool(pool, country));
                let types: &[u16] = match families {
                    Families::Both => &[rtype::A, rtype::AAAA],
                    Families::V4 => &[rtype::A],
                    Families::V6 => &[rtype::AAAA],
                };
                types
                    .iter()
                    .map(|rtype| Holding { rtype: *rtype, answer: Answer::Pool { rule, along } })
                    .collect()
            }
            NameKind::Record | NameKind::Database => {
                let text = self.text(database, name.ttl.unwrap_or(self.record_ttl));
                vec![Holding { rtype: rtype::TXT, answer: Answer::Text(text) }]
            }
            NameKind::Ping => {
                let records = Records::of_one(&ResourceRecord {
                    owner: owner.clone(),
                    rtype: rtype::A,
                    ttl: name.ttl.unwrap_or(PING_TTL),
                    rdata: Box::new([127, 0, 0, 1]),
                    location: name.owner.location.clone(),
                });
                let Some(set) = records.set(0) else { return Vec::new() };
                let line = Line::of(&set, writer::Owner::Question);
                let sections = Sections { answer: line.collect(), ..Sections::default() };
                let Some(template) = self.static_data.templates.add(&[0], &sections) else {
                    return Vec::new();
                };
                let rrset = self.rrset(self.static_data.records.len() as u32, &set);
                self.hold(Arc::new(records));
                // Reports stand in the place of the wildcard; a name without one never is a report.
                let below = owner.wire().strip_prefix(b"\x01*").unwrap_or(owner.wire());
                let suffix = below.len() as u8;
                vec![Holding { rtype: rtype::A, answer: Answer::Ping { template, rrset, suffix } }]
            }
        }
    }

    fn node(&mut self, named: &Named<'_, '_>, current: &Current<'_>, problems: &mut Problems) {
        let records = &*current.zone.records;
        let apex = named.name.len() == records.origin.wire().len();
        let sets = || named.sets.iter().flat_map(OwnerSets::sets);
        let cut = sets().find(|set| set.rtype() == rtype::NS).filter(|_| !apex);
        let first = self.static_data.holdings.len() as u32;
        let (mut alias, mut subtree) = (None, None);
        // Beside a delegation only DS belongs to this side of the cut (RFC 4035 section 3.1.4.1).
        for set in sets().filter(|set| cut.is_none() || set.rtype() == rtype::DS) {
            let answer = Line::of(&set, writer::Owner::Question).collect();
            let sections = Sections { answer, ..Sections::default() };
            let template = self.template(records, set.owner(), &sections, &set, problems);
            let rrset = self.rrset(current.records, &set);
            match set.rtype() {
                rtype::CNAME => alias = Some(rrset),
                rtype::DNAME => subtree = Some(rrset),
                _ => {}
            }
            let answer = Answer::Static { template, rrset };
            self.static_data.holdings.push(Holding { rtype: set.rtype(), answer });
        }
        self.static_data.holdings.extend(named.dynamic.iter().map(|(holding, _)| *holding));
        let kind = if let Some(ns) = cut {
            NodeKind::Cut(self.cut(&ns, current, problems))
        } else if apex {
            NodeKind::Apex
        } else {
            alias.map_or(NodeKind::Plain, NodeKind::Alias)
        };
        let below = subtree.map_or(Below::Nothing, Below::Subtree);
        let held = self.static_data.holdings.get(first as usize..).unwrap_or_default();
        let (count, class) = (held.len() as u16, NameClass::of(held));
        self.names.push(named.name);
        self.static_data.nodes.push(Node {
            zone: current.number,
            kind,
            below,
            first,
            count,
            class,
        });
    }

    /// The referral: the delegation's name servers, and every address of them that this zone knows (RFC 9471).
    fn cut(&mut self, ns: &Rrset<'_>, current: &Current<'_>, problems: &mut Problems) -> u32 {
        let records = &*current.zone.records;
        let glue: Vec<Rrset<'_>> = ns
            .rdatas()
            .filter_map(|target| {
                let mut lower = [0; MAX_NAME];
                let slot = lower.get_mut(..target.len())?;
                slot.copy_from_slice(target);
                slot.make_ascii_lowercase();
                records.owner(slot)
            })
            .flat_map(|owner| [owner.get(rtype::A), owner.get(rtype::AAAA)])
            .flatten()
            .collect();
        let sections = Sections {
            authority: Line::of(ns, writer::Owner::Name(ns.owner())).collect(),
            additional: glue
                .iter()
                .flat_map(|set| Line::of(set, writer::Owner::Name(set.owner())))
                .collect(),
            ..Sections::default()
        };
        let referral = self.template(records, ns.owner(), &sections, ns, problems);
        let ns = self.rrset(current.records, ns);
        for set in &glue {
            self.rrset(current.records, set);
        }
        self.static_data.cuts.push(Cut { ns, glue: glue.len() as u32, referral });
        self.static_data.cuts.len() as u32 - 1
    }

    /// Sections behind a question for a name of the zone; `shortest` is the shortest one that they
    /// answer.
    fn template(
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
            let what =
                format!("an answer with the records of {} is over 65,535 octets", set.owner_name());
            problems.error(
                set.location(),
                what,
                "no message holds it, not even by TCP: remove some of them",
            );
            0
        })
    }

    /// Takes a zone's records into the frame; their number.
    fn hold(&mut self, records: Arc<Records>) -> u32 {
        self.static_data.records.push(records);
        self.static_data.records.len() as u32 - 1
    }

    fn rrset(&mut self, records: u32, set: &Rrset<'_>) -> u32 {
        self.static_data.rrsets.push(SetPlace { records, set: set.number() });
        self.static_data.rrsets.len() as u32 - 1
    }

    fn rule(&mut self, rule: Rule) -> u32 {
        *self.rules.entry(rule).or_insert_with(|| {
            self.static_data.rules.push(rule);
            self.static_data.rules.len() as u32 - 1
        })
    }

    fn text(&mut self, database: Option<&str>, ttl: u32) -> u32 {
        let database = database.map(str::to_owned);
        *self.texts.entry((database.clone(), ttl)).or_insert_with(|| {
            self.static_data.texts.push(Text { database, ttl });
            self.static_data.texts.len() as u32 - 1
        })
    }

    /// Tells each node of the wildcard directly below it.
    fn link_wildcards(&mut self) {
        for (wildcard, name) in (0..).zip(self.names.iter()) {
            let above =
                name.strip_prefix(b"\x01*").and_then(|above| self.static_data.names.get(above));
            let zone = self.static_data.nodes.get(wildcard as usize).map(|node| node.zone);
            // A DNAME hides what stands below it.
            if let Some(node) =
                above.and_then(|above| self.static_data.nodes.get_mut(above as usize))
                && Some(node.zone) == zone
                && node.below == Below::Nothing
            {
                node.below = Below::Wildcard(wildcard);
            }
        }
    }

    /// Tells the apex of each zone whose parent zone is served too what that says of it.
    fn link_children(&mut self) {
        let apexes: Vec<(u32, usize)> =
            self.apexes.iter().map(|(zone, node)| (*zone, *node)).collect();
        for (zone, node) in apexes {
            let parent = self.parents.get(&zone).copied().or_else(|| self.parent_of(node));
            if let Some(zone) = self.static_data.zones.get_mut(zone as usize) {
                zone.parent = parent;
            }
        }
    }

    /// The zone above an apex, found by the names that exist above it.
    fn parent_of(&self, apex: usize) -> Option<Parent> {
        let above = wire_parent(self.names.get(apex)?)?;
        let mut name = LowerName::new();
        name.set(above);
        let (closest, _) =
            self.static_data.names.closest(&name, self.static_data.names.probe(&name))?;
        let node = self.static_data.nodes.get(closest as usize)?;
        let cut = match node.kind {
            NodeKind::Cut(cut) => self.static_data.cut(cut),
            _ => None,
        };
        let ds = cut.map_or(ParentDs::None, ParentDs::Referral);
        Some(Parent { zone: node.zone, ds })
    }

    fn finish(mut self) -> StaticData {
        self.static_data.nodes.shrink_to_fit();
        self.static_data.holdings.shrink_to_fit();
        self.static_data.rrsets.shrink_to_fit();
        self.static_data.templates.shrink();
        self.static_data.names = NameTable::new(self.names.iter());
        self.link_wildcards();
        self.link_children();
        for rule in &self.static_data.rules {
            if let Some(plan) = self.static_data.plans.get_mut(rule.plan as usize) {
                plan.ttl = plan.ttl.max(rule.ttl);
            }
        }
        self.static_data
    }
}

/// A long TTL is no error: it is the operator's to choose.
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

/// The zones that are served, by name.
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

/// An owner with its placeholders filled in.
struct Expanded<'d> {
    name: String,
    database: Option<&'d str>,
}

/// Every name that an owner stands for, each with the country that it means.
fn expand<'d>(
    owner: &str,
    country: Option<Country>,
    databases: &[&'d str],
) -> Vec<(Expanded<'d>, Option<Country>)> {
    if owner.contains(DB) {
        let expanded = |database: &&'d str| Expanded {
            name: owner.replace(DB, database),
            database: Some(database),
        };
        return databases.iter().map(|database| (expanded(database), country)).collect();
    }
    if owner.contains(CC) {
        let expanded = |label: &str| Expanded { name: owner.replace(CC, label), database: None };
        return country::labels()
            .map(|(label, country)| (expanded(label), Some(country)))
            .collect();
    }
    vec![(Expanded { name: owner.to_owned(), database: None }, country)]
}
