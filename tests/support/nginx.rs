//! nginx with a directory of its own: what a web server does that means well.

use super::{PATIENCE, ports, tools};
use std::fs::{self, File};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// It serves `www` over http, and over https with a certificate of an authority made for it.
pub struct Nginx {
    child: Child,
    dir: TempDir,
    http: u16,
    https: u16,
}

impl Nginx {
    pub fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(dir.path().join("www")).expect("a directory");
        certify(dir.path());
        let [http, https] = [ports::free(), ports::free()];
        fs::write(dir.path().join("nginx.conf"), config(dir.path(), http, https))
            .expect("nginx.conf");
        let log = File::create(dir.path().join("error")).expect("the log");
        // -e: else it tries to write to the system's log before it reads the file.
        let child = tools::tool_of("nginx", "install nginx-light")
            .arg("-p")
            .arg(dir.path())
            .args(["-e", "stderr", "-c"])
            .arg(dir.path().join("nginx.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log twice"))
            .stderr(log)
            .spawn()
            .expect("nginx started");
        let nginx = Self { child, dir, http, https };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", https)).is_err() {
            let errors = || fs::read_to_string(nginx.dir.path().join("error")).unwrap_or_default();
            assert!(Instant::now() < deadline, "nginx does not listen:\n{}", errors());
            std::thread::sleep(Duration::from_millis(20));
        }
        nginx
    }

    /// Replaces a file.
    pub fn publish(&self, name: &str, content: &str) {
        let new = self.dir.path().join("new");
        fs::write(&new, content).expect("a file");
        fs::rename(&new, self.dir.path().join("www").join(name)).expect("the file renamed");
    }

    pub fn http(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.http)
    }

    pub fn https(&self, name: &str) -> String {
        format!("https://127.0.0.1:{}/{name}", self.https)
    }

    /// The authority's certificate, in PEM.
    pub fn authority(&self) -> String {
        fs::read_to_string(self.dir.path().join("ca.pem")).expect("a certificate")
    }

    /// The number of each request's connection so far, over http or https.
    pub fn connections(&self, scheme: &str) -> Vec<String> {
        let log = fs::read_to_string(self.dir.path().join("connections")).unwrap_or_default();
        let of_scheme = |line: &str| {
            line.strip_prefix(scheme).and_then(|rest| rest.strip_prefix(' ')).map(str::to_owned)
        };
        log.lines().filter_map(of_scheme).collect()
    }

    /// The requests so far: scheme, path, status and content coding.
    pub fn requests(&self) -> Vec<String> {
        let log = fs::read_to_string(self.dir.path().join("access")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if tools::stop(&mut self.child).is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// An authority, and a server's certificate by it.
fn certify(dir: &Path) {
    let request = |name: &str, extra: &[&str]| {
        let mut command = tools::tool_of("openssl", "install openssl");
        command
            .current_dir(dir)
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-nodes", "-days", "2", "-subj", &format!("/CN={name}")])
            .args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")])
            .args(extra);
        tools::output(&mut command);
    };
    request("ca", &["-addext", "keyUsage=critical,keyCertSign"]);
    let names = [
        "-addext",
        "subjectAltName=IP:127.0.0.1,DNS:localhost",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
    ];
    request("server", &[&["-CA", "ca.pem", "-CAkey", "ca.key"], &names[..]].concat());
}

/// One process, which keeps the account that it has, writes nothing outside of `dir` and stays in
/// the foreground.
fn config(dir: &Path, http: u16, https: u16) -> String {
    let dir = dir.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary = temporary.map(|kind| format!("{kind}_temp_path {dir}/{kind};\n")).concat();
    format!(
        "daemon off;\nmaster_process off;\npid {dir}/pid;\nerror_log stderr;\nevents {{ }}\nhttp {{\n\
         log_format plain '$scheme $request_uri $status $sent_http_content_encoding';\n\
         log_format numbers '$scheme $connection';\n\
         access_log {dir}/access plain;\naccess_log {dir}/connections numbers;\n{temporary}types {{ application/json json; text/html html; }}\n\
         gzip on;\ngzip_types application/json;\ngzip_min_length 1;\n\
         server {{\nlisten 127.0.0.1:{http};\nlisten 127.0.0.1:{https} ssl;\n\
         ssl_certificate {dir}/server.pem;\nssl_certificate_key {dir}/server.key;\nroot {dir}/www;\n}}\n}}\n"
    )
}
