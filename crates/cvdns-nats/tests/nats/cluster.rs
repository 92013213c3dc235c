//! Three nodes as docs/nats.md has them: one of them dies.

use std::time::{Duration, Instant};

use cvdns_nats::{ErrorKind, Plan, Published, Settings, Verdict, Writer, set_up};

use super::documented::{Certificates, as_user, configurations, write_users};
use super::heard::{Heard, all_hear};
use super::server::Server;
use super::{PATIENCE, document, key, ports};

fn three_nodes(certificates: &Certificates) -> Vec<Server> {
    let [_, _, three] = configurations();
    let clients: Vec<u16> = (0..3).map(|_| ports::free()).collect();
    let routes: Vec<u16> = (0..3).map(|_| ports::free()).collect();
    let configured = |number: usize, dir: &std::path::Path| {
        write_users(dir);
        let mut configuration = certificates
            .placed(&three, dir)
            .replace("server_name: nats1", &format!("server_name: nats{}", number + 1))
            .replace("127.0.0.1:4222", &format!("127.0.0.1:{}", clients[number]))
            .replace("127.0.0.1:6222", &format!("127.0.0.1:{}", routes[number]));
        for (other, port) in routes.iter().enumerate() {
            configuration = configuration
                .replace(&format!("nats{}.example:6222", other + 1), &format!("127.0.0.1:{port}"));
        }
        configuration
    };
    (0..3)
        .map(|number| Server::configured(clients[number], |dir| configured(number, dir)))
        .collect()
}

/// The number of the node that leads the bucket.
fn leader(admin: &Settings) -> usize {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let credentials = std::fs::read_to_string(admin.credentials.as_ref().unwrap()).unwrap();
        let (user, password) = credentials.trim().split_once(':').unwrap();
        let options = async_nats::ConnectOptions::with_user_and_password(
            user.to_owned(),
            password.to_owned(),
        )
        .add_root_certificates(admin.ca_file.clone().unwrap());
        let address: Vec<async_nats::ServerAddr> =
            admin.servers.iter().map(|server| server.to_string().parse().unwrap()).collect();
        let client = options.connect(address).await.unwrap();
        // Nobody answers, or knows a leader, while one is elected.
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let asked = client.request("$JS.API.STREAM.INFO.KV_cvdns", "".into()).await;
            let text = asked.map(|answer| String::from_utf8_lossy(&answer.payload).into_owned());
            let after = text.ok().and_then(|text| {
                text.split("\"leader\":\"nats").nth(1)?.get(..1)?.parse::<usize>().ok()
            });
            if let Some(number) = after {
                return number - 1;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no leader")
    })
}

#[test]
fn a_document_is_published_and_followed_while_a_leader_dies() {
    let certificates = Certificates::new();
    let mut nodes = three_nodes(&certificates);
    let ports: Vec<u16> = nodes.iter().map(|node| node.port).collect();
    let user = |name| as_user(name, &ports, &certificates);
    let plan = Plan { replicas: 3, ..Plan::default() };
    set_up(&user("admin"), &plan, PATIENCE).unwrap();
    let mut followers: Vec<Heard> = (0..12).map(|_| Heard::new(&user("server"))).collect();
    let mut writer = Writer::connect(&user("coordinator"), PATIENCE).unwrap();
    let mut put = |serial| {
        let put = writer.put(&key(), &document(serial, 1000), |last| match last {
            cvdns_nats::Last::Document(last) if super::serial(last) == serial => Verdict::Same,
            _ => Verdict::Newer,
        });
        assert!(matches!(put, Ok(Published::Published { .. } | Published::Same)), "{put:?}");
    };
    for round in 0..3 {
        put(2 * round + 1);
        all_hear(&mut followers, 2 * round + 1);
        let dead = leader(&user("admin"));
        nodes[dead].kill();
        put(2 * round + 2);
        all_hear(&mut followers, 2 * round + 2);
        nodes[dead].restart();
    }
    for heard in &followers {
        let serials = heard.serials();
        assert!(serials.is_sorted() && serials.last() == Some(&6), "{serials:?}");
    }
    for node in &mut nodes {
        node.kill();
    }
    followers[0].unavailable(ErrorKind::Unreachable);
}
