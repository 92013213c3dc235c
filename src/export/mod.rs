//! Everything as it is answered now, as files for other name servers: zone files, and fragments of named.conf.
//!
//! [`tree`] makes the files of a snapshot and is pure; [`Directory`] puts them on the disk, whole or not at all;
//! [`Exporter`] does both again and again, and has name servers load what changed.

mod delegation;
mod directory;
mod exporter;
mod header;
mod named;
mod reload;
mod serial;
mod text;
mod views;
mod zone;
mod zone_file;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use cvdns_core::geo::area::Area;
use cvdns_core::geo::country::Country;
use cvdns_core::geo::country_map::CountryMap;
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::pools::PathId;

use named::Statement;
use views::{View, views};
use zone::{Zone, zones};

pub use delegation::{Delegations, delegations};
pub use directory::{Changes, Directory, DirectoryError, Reload};
pub use exporter::{Exporter, Exporting};
pub use header::trap;
pub use reload::{Commands, Template};
pub use zone::left_out;
use zone_file::Sheet;
pub use zone_file::ZoneFile;

/// What is exported.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What is answered.
    pub snapshot: Arc<Snapshot>,
    /// The serial of the feed in force.
    pub feed: Option<u64>,
    /// Where clients are.
    pub countries: Arc<CountryMap>,
}

/// How BIND tells the clients of its views.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acl {
    /// By its own country database (`geoip country DE;`).
    Geoip,
    /// By networks, all of which are written out: BIND needs no database.
    Prefixes,
}

/// The files of an export, by their path in it.
pub type Tree = BTreeMap<String, File>;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum File {
    /// Whatever named.conf is made of.
    Config(String),
    /// A zone.
    Zone(ZoneFile),
}

/// The files of an export that is read below this absolute path; with an `acl` there are views.
pub fn tree(subject: &Subject, acl: Option<Acl>, directory: &Path) -> Tree {
    let mut maker = Maker {
        subject,
        directory,
        zones: zones(&subject.snapshot),
        config: header::of_file("#", subject.snapshot.static_data.settings.ecs),
        tree: Tree::new(),
    };
    match acl {
        None => maker.plain(),
        Some(acl) => maker.views(acl),
    }
    let Maker { config, mut tree, .. } = maker;
    tree.insert("named.conf".to_owned(), File::Config(config));
    tree
}

struct Maker<'m> {
    subject: &'m Subject,
    directory: &'m Path,
    zones: Vec<Zone<'m>>,
    config: String,
    tree: Tree,
}

impl Maker<'_> {
    /// One file for each zone; clients are those whom nobody can place.
    fn plain(&mut self) {
        for zone in &self.zones {
            let plan = zone
                .asks
                .and_then(|plan| self.subject.snapshot.static_data.plans.get(plan as usize));
            let client = plan.map_or(0, |plan| plan.paths.of_client(Area::Unknown));
            let file = Sheet::new(self.subject, zone).file(client, None);
            let path = format!("zones/{}.zone", zone_file::stem(zone.origin));
            let statement = Statement::file(&path, &file);
            named::zone(&mut self.config, "", zone.origin, self.directory, &statement);
            self.tree.insert(path, File::Zone(file));
        }
    }

    /// A view for all clients with the same paths; zones, and the paths of one zone, that several have in common are loaded once.
    fn views(&mut self, acl: Acl) {
        let views = views(&self.subject.snapshot.static_data);
        match acl {
            Acl::Geoip => self.config.push_str(
                "# Needs a GeoIP2 or GeoLite2 database of countries or cities in BIND's `geoip-directory`.\n",
            ),
            Acl::Prefixes => self.networks(&views),
        }
        let sheets: Vec<Sheet<'_, '_>> =
            self.zones.iter().map(|zone| Sheet::new(self.subject, zone)).collect();
        let mut loaded: BTreeMap<(usize, PathId), &str> = BTreeMap::new();
        for view in &views {
            named::open(&mut self.config, &format!("view {}", named::quoted(&view.name)));
            let elements = match acl {
                Acl::Prefixes if !view.is_rest() => vec![named::quoted(&view.name)],
                _ => view.by_country(self.subject.countries.overrides()),
            };
            named::list(&mut self.config, "    ", "match-clients", &elements);
            for (number, (zone, sheet)) in self.zones.iter().zip(&sheets).enumerate() {
                let asked = zone.asks.and_then(|plan| view.paths.get(plan as usize).copied());
                let client = asked.unwrap_or_default();
                if let Some(first) = loaded.get(&(number, client)) {
                    let statement = Statement::InView(first);
                    named::zone(&mut self.config, "    ", zone.origin, self.directory, &statement);
                    continue;
                }
                loaded.insert((number, client), &view.name);
                let file = sheet.file(client, Some(&view.name));
                let of_view = asked.map(|_| format!("@{}", view.name)).unwrap_or_default();
                let path = format!("zones/{}{of_view}.zone", zone_file::stem(zone.origin));
                let statement = Statement::file(&path, &file);
                named::zone(&mut self.config, "    ", zone.origin, self.directory, &statement);
                self.tree.insert(path, File::Zone(file));
            }
            named::close(&mut self.config);
        }
    }

    /// Writes out the networks of each view's clients but the last one's, which has everyone else.
    fn networks(&mut self, views: &[View]) {
        let rest = views.len().saturating_sub(1);
        let of_view = |area: Area| {
            views.iter().position(|view| view.areas.contains(&area)).unwrap_or(rest) as u16
        };
        let table: Vec<u16> = Country::all().map(|country| of_view(country.into())).collect();
        let of = |area: Area| match area.country() {
            Some(country) => table.get(country.index()).copied().unwrap_or(rest as u16),
            None => of_view(area),
        };
        let mut networks = vec![Vec::new(); rest];
        for (net, view) in self.subject.countries.networks(of) {
            if let Some(of_view) = networks.get_mut(usize::from(view)) {
                of_view.push(net.to_string());
            }
        }
        for (view, networks) in views.iter().zip(&networks) {
            let path = format!("acls/{}.conf", view.name);
            let mut text = header::of_file("#", self.subject.snapshot.static_data.settings.ecs);
            // A country of which no network is known: nobody is in its view.
            let none = ["none".to_owned()];
            let elements = if networks.is_empty() { &none[..] } else { networks };
            named::list(&mut text, "", &format!("acl {}", named::quoted(&view.name)), elements);
            named::include(&mut self.config, &self.directory.join(&path));
            self.tree.insert(path, File::Config(text));
        }
    }
}
