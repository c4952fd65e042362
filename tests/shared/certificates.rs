//! Certificates for Kafka and its clients, as PEM files that openssl makes.

use std::path::{Path, PathBuf};
use std::process::Command;

/// An authority that signs certificates; its own is `<name>.crt` in its folder.
pub struct Authority {
    dir: PathBuf,
    name: String,
}

impl Authority {
    /// Creates an authority and its folder.
    pub fn create(dir: &Path, name: &str) -> Self {
        std::fs::create_dir_all(dir).expect("the folder is ours");
        let authority = Self { dir: dir.to_owned(), name: name.to_owned() };
        authority.certify(name, &["-subj", &format!("/CN={name}")]);
        authority
    }

    /// Signs a certificate of `common_name` at the host `dns`: `<file>.crt`, its key `<file>.key`,
    /// and `<file>.pem` with key, certificate and authority, as a broker reads them.
    pub fn sign(&self, file: &str, common_name: &str, dns: &str) {
        let (crt, key) = (format!("{}.crt", self.name), format!("{}.key", self.name));
        let subject = format!("/CN={common_name}");
        let host = format!("subjectAltName=DNS:{dns}");
        let leaf = ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", &host];
        self.certify(
            file,
            &[&["-subj", &subject, "-CA", &crt, "-CAkey", &key], &leaf[..]].concat(),
        );
        let parts = [&format!("{file}.key"), &format!("{file}.crt"), &crt];
        let read = |part| std::fs::read_to_string(self.dir.join(part)).expect("openssl wrote it");
        let pem = self.dir.join(format!("{file}.pem"));
        std::fs::write(pem, parts.map(read).concat()).expect("the folder is ours");
    }

    fn certify(&self, file: &str, options: &[&str]) {
        let (key, crt) = (format!("{file}.key"), format!("{file}.crt"));
        let output = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-nodes", "-days", "3650", "-keyout", &key, "-out", &crt])
            .args(options)
            .current_dir(&self.dir)
            .output()
            .expect("openssl runs");
        assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
    }
}
