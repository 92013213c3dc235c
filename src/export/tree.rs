//! Makes the files of an export in memory: zone files and named.conf fragments.

use std::collections::BTreeMap;
use std::path::Path;

use super::clients::ClientSet;
use super::header;
use super::input::{AclKind, ExportInput};
use super::named_conf::{self, ZoneStatement};
use super::views::{View, views};
use super::zone::{ExportZone, zones};
use super::zone_file::{ZoneFile, ZoneRenderer};
use cvdns_core::geo::area::Area;
use cvdns_core::geo::country::Country;
use cvdns_io::zone_stem;

/// The files of an export, by path relative to its directory.
pub type Tree = BTreeMap<String, ExportFile>;

/// A file of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportFile {
    /// The text of named.conf or of a file that it includes.
    Config(String),
    /// A zone file.
    Zone(ZoneFile),
}

/// Makes the files of an export. Name servers read them below the absolute path `directory`. With
/// an `acl` there are views.
pub fn tree(input: &ExportInput, acl: Option<AclKind>, directory: &Path) -> Tree {
    let mut zones = zones(&input.snapshot);
    for zone in zones.iter_mut().filter(|_| input.signer.is_some()) {
        zone.without_keys = false;
    }
    let mut maker = TreeBuilder {
        input,
        directory,
        zones,
        config: header::of_file("#", input.snapshot.static_data.settings.ecs),
        tree: Tree::new(),
    };
    match acl {
        None => maker.plain(),
        Some(acl) => maker.views(acl),
    }
    let TreeBuilder { config, mut tree, .. } = maker;
    tree.insert("named.conf".to_owned(), ExportFile::Config(config));
    tree
}

struct TreeBuilder<'m> {
    input: &'m ExportInput,
    directory: &'m Path,
    zones: Vec<ExportZone<'m>>,
    config: String,
    tree: Tree,
}

impl TreeBuilder<'_> {
    /// Adds one file for each zone, with the answers for clients of unknown location. They leave
    /// out mirrors that any client may not get, as any client may ask.
    fn plain(&mut self) {
        for zone in &self.zones {
            let file = ZoneRenderer::new(self.input, zone).file(ClientSet::Undistinguished, None);
            let path = format!("zones/{}.zone", zone_stem(zone.origin));
            let statement = ZoneStatement::file(&path, &file);
            named_conf::zone(&mut self.config, "", zone.origin, self.directory, &statement);
            self.tree.insert(path, ExportFile::Zone(file));
        }
    }

    /// Adds a view for each set of clients with the same answers. A zone whose answers are the same
    /// in several views is loaded once and shared by `in-view`.
    fn views(&mut self, acl: AclKind) {
        let views = views(&self.input.snapshot.static_data);
        match acl {
            AclKind::Geoip => self.config.push_str(
                "# Needs a GeoIP2 or GeoLite2 database of countries or cities in BIND's `geoip-directory`.\n",
            ),
            AclKind::Prefixes => self.networks(&views),
        }
        let renderers: Vec<ZoneRenderer<'_, '_>> =
            self.zones.iter().map(|zone| ZoneRenderer::new(self.input, zone)).collect();
        let mut loaded: BTreeMap<(usize, ClientSet), &str> = BTreeMap::new();
        for view in &views {
            named_conf::open(&mut self.config, &format!("view {}", named_conf::quoted(&view.name)));
            let elements = match acl {
                AclKind::Prefixes if !view.is_rest() => vec![named_conf::quoted(&view.name)],
                _ => view.by_country(self.input.countries.overrides()),
            };
            named_conf::list(&mut self.config, "    ", "match-clients", &elements);
            for (number, (zone, renderer)) in self.zones.iter().zip(&renderers).enumerate() {
                let asked =
                    zone.client_plan.and_then(|plan| view.clients.get(plan as usize).copied());
                let client = asked.unwrap_or(ClientSet::Undistinguished);
                if let Some(first) = loaded.get(&(number, client)) {
                    let statement = ZoneStatement::InView(first);
                    named_conf::zone(
                        &mut self.config,
                        "    ",
                        zone.origin,
                        self.directory,
                        &statement,
                    );
                    continue;
                }
                loaded.insert((number, client), &view.name);
                let file = renderer.file(client, Some(&view.name));
                let of_view = asked.map(|_| format!("@{}", view.name)).unwrap_or_default();
                let path = format!("zones/{}{of_view}.zone", zone_stem(zone.origin));
                let statement = ZoneStatement::file(&path, &file);
                named_conf::zone(&mut self.config, "    ", zone.origin, self.directory, &statement);
                self.tree.insert(path, ExportFile::Zone(file));
            }
            named_conf::close(&mut self.config);
        }
    }

    /// Adds the lists of networks of all views but the last one, which matches every other client.
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
        for (net, view) in self.input.countries.networks(of) {
            if let Some(of_view) = networks.get_mut(usize::from(view)) {
                of_view.push(net.to_string());
            }
        }
        for (view, networks) in views.iter().zip(&networks) {
            let path = format!("acls/{}.conf", view.name);
            let mut text = header::of_file("#", self.input.snapshot.static_data.settings.ecs);
            // A view of countries without a known network matches no client.
            let none = ["none".to_owned()];
            let elements = if networks.is_empty() { &none[..] } else { networks };
            named_conf::list(
                &mut text,
                "",
                &format!("acl {}", named_conf::quoted(&view.name)),
                elements,
            );
            named_conf::include(&mut self.config, &self.directory.join(&path));
            self.tree.insert(path, ExportFile::Config(text));
        }
    }
}
