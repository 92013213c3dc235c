//! Writes the pages of an invented network into a directory, to look at them:
//! `cargo run -p cvdns-pages --example sample -- DIRECTORY [MIRRORS]`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of it is invented")]
#![allow(clippy::cast_possible_wrap, clippy::cast_sign_loss, reason = "invented numbers are small")]

use std::error::Error;
use std::fs;
use std::path::Path;

use cvdns_core::geo::country::Country;
use cvdns_pages::{Badge, place, style};

#[path = "../tests/pages/invented/mod.rs"]
mod invented;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("name the directory to write")?;
    let directory = Path::new(&directory);
    let mirrors: usize = arguments.next().map_or(Ok(82), |number| number.parse())?;
    let network = invented::Network::of(mirrors);
    let put = |place: &str, content: String| -> Result<(), Box<dyn Error>> {
        let path = directory.join(place);
        fs::create_dir_all(path.parent().unwrap_or(directory))?;
        Ok(fs::write(path, content)?)
    };
    put(place::STYLE, style::STYLE.to_owned())?;
    put(place::ICON, style::ICON.to_owned())?;
    put(place::INDEX, network.page().to_html())?;
    put(place::MIRRORS, network.mirrors_page().to_html())?;
    put(place::NETWORK_JSON, "{}".to_owned())?;
    for country in Country::all() {
        put(&place::country_page(country), network.country_page(country).to_html())?;
    }
    for index in 0..mirrors {
        let page = network.mirror_page(index);
        let badge = Badge { state: page.state, available: page.history.month.available };
        let file = |file| place::mirror_file(&page.host, file);
        put(&file(place::MIRROR_PAGE), page.to_html())?;
        put(&file(place::MIRROR_BADGE), badge.to_svg())?;
        put(&file(place::MIRROR_ATOM), network.atom(index).to_xml())?;
        put(&file(place::MIRROR_JSON), "{}".to_owned())?;
    }
    put("way.html", network.way_page())?;
    Ok(())
}
