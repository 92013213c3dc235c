// Writes world.txt, the shapes of the countries for the map of the pages: see README.md.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { geoPath } = require("d3-geo");
const { geoRobinson } = require("d3-geo-projection");
const iso = require("i18n-iso-countries");
const topology = require("topojson-client");
const { presimplify, simplify } = require("topojson-simplify");

// The size of the map in units of its coordinates. It ends in the south before Antarctica.
const WIDTH = 2000;
const NORTH = 84;
const SOUTH = -57;
// Shapes smaller than this, in square units, are drawn as dots.
const DOT = 60;
// Corners of triangles smaller than this, in square degrees, are left out.
const DETAIL = 0.05;

// What Natural Earth draws apart and ISO 3166 does not have is drawn with the country that has the
// code; Kosovo has the code that address data uses.
const BY_NAME = { Kosovo: "XK", "N. Cyprus": "CY", Somaliland: "SO" };

const projection = geoRobinson().rotate([-11, 0]).scale(1).translate([0, 0]);
const west = projection([-168.999, 0])[0];
const scale = WIDTH / (-2 * west);
const top = projection([11, NORTH])[1] * scale;
const bottom = projection([11, SOUTH])[1] * scale;
projection.scale(scale).translate([WIDTH / 2, -top]);
const HEIGHT = Math.ceil(bottom - top);

function read(name) {
  return JSON.parse(fs.readFileSync(require.resolve(`world-atlas/countries-${name}.json`)));
}

/** The geometries of an atlas by alpha-2 code, as one geometry for each code. */
function shapes(atlas) {
  const parts = new Map();
  for (const geometry of atlas.objects.countries.geometries) {
    const code = BY_NAME[geometry.properties.name] ?? iso.numericToAlpha2(geometry.id);
    if (code && !["AQ"].includes(code)) parts.set(code, [...(parts.get(code) ?? []), geometry]);
  }
  return new Map([...parts].map(([code, list]) => [code, topology.merge(atlas, list)]));
}

/** A ring of points as a path with whole relative steps; empty if nothing of it is left. */
function ring(points) {
  const whole = points.map(([x, y]) => [Math.round(x), Math.round(y)]);
  const kept = whole.filter(([x, y], at) => at === 0 || x !== whole[at - 1][0] || y !== whole[at - 1][1]);
  if (kept.length > 1 && String(kept[0]) === String(kept.at(-1))) kept.pop();
  if (kept.length < 3) return "";
  let out = `M${kept[0][0]} ${kept[0][1]}l`;
  for (let at = 1; at < kept.length; at += 1) {
    const step = [kept[at][0] - kept[at - 1][0], kept[at][1] - kept[at - 1][1]];
    for (const number of step) {
      out += (number < 0 || out.endsWith("l") ? "" : " ") + number;
    }
  }
  return `${out}z`;
}

/** The rings of a geometry after projection, cut where the map ends. */
function rings(geometry) {
  const found = [];
  let now = null;
  const sink = {
    beginPath() {},
    moveTo(x, y) { now = [[x, y]]; found.push(now); },
    lineTo(x, y) { now.push([x, y]); },
    closePath() {},
    arc() {},
  };
  geoPath(projection, sink)(geometry);
  return found;
}

function area(points) {
  return Math.abs(points.reduce((sum, [x, y], at) => {
    const [nextX, nextY] = points[(at + 1) % points.length];
    return sum + x * nextY - nextX * y;
  }, 0) / 2);
}

/** The middle of the largest part, so that the mark of a country lies on its main land. */
function middle(geometry) {
  const parts = geometry.coordinates.map((coordinates) => ({ type: "Polygon", coordinates }));
  const flat = geoPath(projection);
  parts.sort((one, two) => flat.area(two) - flat.area(one));
  return flat.centroid(parts[0]);
}

const coarse = presimplify(read("110m"));
const drawn = shapes(simplify(coarse, DETAIL));
const fine = shapes(read("50m"));
const table = fs.readFileSync(path.join(__dirname, "../../../geoip/countries.csv"), "utf8")
  .split("\n").filter((line) => /^[A-Z]{2},/.test(line)).map((line) => line.split(","));

const lines = [];
for (const row of table) {
  const [code] = row;
  // Neither one place nor a country: all of Europe, of Asia and the Pacific, and the Antarctic.
  if (["EU", "AP", "AQ"].includes(code)) continue;
  const shape = drawn.get(code) ?? fine.get(code);
  const at = shape ? middle(shape) : projection([Number(row.at(-1)), Number(row.at(-2))]);
  const found = drawn.has(code) ? rings(drawn.get(code)) : [];
  const size = found.reduce((sum, points) => sum + area(points), 0);
  const line = size < DOT ? "" : found.map(ring).join("");
  lines.push(`${code} ${Math.round(at[0])} ${Math.round(at[1])} ${line}`.trimEnd());
}
const text = `# Made by make.js from Natural Earth (public domain): see README.md.
# Each line has a country's code, the point of its mark, and its shape, if it is more than a dot.
size ${WIDTH} ${HEIGHT}
${lines.join("\n")}
`;
fs.writeFileSync(path.join(__dirname, "world.txt"), text);
console.log(`${lines.length} countries, ${lines.filter((line) => !line.endsWith("z")).length} of them dots; ${text.length} octets`);
