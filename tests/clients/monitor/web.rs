//! nginx, with a virtual mirror for each address.

use crate::support::tools;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A running nginx, stopped when dropped.
pub struct Nginx {
    child: Child,
    log: PathBuf,
}

impl Nginx {
    /// Serves a directory at each address, as the how-to for mirrors has it: by two virtual hosts,
    /// `db.*` for any label.
    pub fn start(dir: &Path, origin: &str, mirrors: &[(SocketAddr, PathBuf)]) -> Self {
        let mut servers = String::new();
        for (address, root) in mirrors {
            let server = mirror(origin, &format!("listen {address}; root {};", root.display()));
            let _ = writeln!(
                servers,
                "{server}\nserver {{ listen {address} default_server; server_name _; return 404; }}"
            );
        }
        let addresses: Vec<SocketAddr> = mirrors.iter().map(|(address, _)| *address).collect();
        Self::with(dir, &servers, &addresses)
    }

    /// With these `server` blocks, which listen at these addresses.
    pub fn with(dir: &Path, servers: &str, addresses: &[SocketAddr]) -> Self {
        fs::create_dir_all(dir).expect("a directory for nginx");
        let shown = dir.display();
        // One process, which ends by its own handle.
        let config = format!(
            "daemon off; master_process off; pid {shown}/pid; error_log {shown}/error.log;\n\
             events {{ worker_connections 256; }}\n\
             http {{ log_format seen '$server_addr|$http_host|$request_uri|$http_user_agent|$http_range|$status';\n\
             access_log {shown}/access.log seen; default_type application/octet-stream;\n\
             client_body_temp_path {shown}/t1; proxy_temp_path {shown}/t2; fastcgi_temp_path {shown}/t3;\n\
             uwsgi_temp_path {shown}/t4; scgi_temp_path {shown}/t5;\n{servers}}}\n"
        );
        let path = dir.join("nginx.conf");
        fs::write(&path, config).expect("nginx.conf");
        let log = File::create(dir.join("log")).expect("the log");
        let child = tools::tool("nginx")
            .arg("-p")
            .arg(dir)
            .arg("-e")
            .arg(dir.join("error.log"))
            .arg("-c")
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log twice"))
            .stderr(log)
            .spawn()
            .expect("nginx started");
        let nginx = Self { child, log: dir.join("access.log") };
        let deadline = Instant::now() + crate::support::PATIENCE;
        for address in addresses {
            while TcpStream::connect(address).is_err() {
                let said = || fs::read_to_string(dir.join("log")).unwrap_or_default();
                assert!(
                    Instant::now() < deadline,
                    "nginx does not listen on {address}:\n{}",
                    said()
                );
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        nginx
    }

    /// Each request that was answered: address, host, path, user agent, range, status.
    pub fn requests(&self) -> Vec<Vec<String>> {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().map(|line| line.split('|').map(str::to_owned).collect()).collect()
    }
}

/// The `server` block of a mirror, with further lines.
pub fn mirror(origin: &str, lines: &str) -> String {
    let dots = origin.replace('.', "\\.");
    format!("server {{ server_name database.{origin} \"~^db\\.[^.]+\\.{dots}$\"; {lines} }}")
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if tools::stop(&mut self.child).is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
