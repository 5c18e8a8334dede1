//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
)

// config writes a configuration file into the folder of a server. In it, FOLDER stands for that folder, and PORT0, PORT1, … for ports.
func (l *lab) config(name, file, text string, ports []int) error {
	replace := []string{"FOLDER", l.folderOf(name)}
	for i, port := range ports {
		replace = append(replace, fmt.Sprintf("PORT%d", i), fmt.Sprint(port))
	}
	return os.WriteFile(filepath.Join(l.folderOf(name), file), []byte(strings.NewReplacer(replace...).Replace(text)), 0o644)
}

const slapdConfig = `pidfile FOLDER/slapd.pid
TLSCACertificateFile FOLDER/../trust/root.crt
TLSCertificateFile FOLDER/server.crt
TLSCertificateKeyFile FOLDER/server.key
database ldif
suffix "cn=lab"
directory FOLDER
`

// slapd is OpenLDAP's server, in Debian with GnuTLS, with StartTLS on one port and TLS from the start on another.
func (l *lab) slapd() error {
	p, ports, err := withPorts(2, func(ports []int) (*process, error) {
		if err := l.config("slapd", "slapd.conf", slapdConfig, nil); err != nil {
			return nil, err
		}
		urls := fmt.Sprintf("ldap://%s ldaps://%s", loopback(ports[0]), loopback(ports[1]))
		return l.spawn("slapd", syscall.SIGTERM, "slapd", "-d", "stats", "-f", "slapd.conf", "-h", urls)
	})
	if err != nil {
		return err
	}
	l.keep(p)
	l.add(p, "ldap", ports[0], "ldap", "OpenLDAP's slapd: StartTLS")
	l.add(p, "ldaps", ports[1], "", "OpenLDAP's slapd: TLS from the start")
	return nil
}

const nginxConfig = `daemon off;
master_process off;
pid nginx.pid;
error_log log info;
events {
	worker_connections 2048;
}
http {
	access_log off;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	ssl_certificate server.crt;
	ssl_certificate_key server.key;
	ssl_protocols TLSv1.2 TLSv1.3;
	proxy_ssl_verify on;
	proxy_ssl_verify_depth 3;
	proxy_ssl_name localhost;
	proxy_ssl_session_reuse off; # the two below would share sessions, and verify only once
	server {
		listen 127.0.0.1:PORT0 ssl;
		location = / { return 200 "nginx\n"; }
	}
	server {
		listen 127.0.0.1:PORT1 ssl;
		proxy_ssl_trusted_certificate ../trust/root.crt;
		location / { proxy_pass https://127.0.0.1:PORT3; }
	}
	server {
		listen 127.0.0.1:PORT2 ssl;
		proxy_ssl_trusted_certificate ../trust/stranger.crt;
		location / { proxy_pass https://127.0.0.1:PORT3; }
	}
}
`

// nginx is a web server, and as a proxy a TLS server and client at once: it stands for a storage agent.
func (l *lab) nginx() error {
	origin, err := l.named("sp-server")
	if err != nil {
		return err
	}
	p, ports, err := withPorts(3, func(ports []int) (*process, error) {
		if err := l.config("nginx", "nginx.conf", nginxConfig, append(ports, origin.port())); err != nil {
			return nil, err
		}
		return l.spawn("nginx", syscall.SIGTERM, "nginx", "-e", "log", "-p", l.path("nginx"), "-c", l.path("nginx/nginx.conf"))
	})
	if err != nil {
		return err
	}
	l.keep(p)
	l.add(p, "https", ports[0], "", "nginx")
	l.add(p, "agent", ports[1], "", "nginx stands for a storage agent: it forwards to sp-server, which it verifies")
	l.add(p, "agent-distrusting", ports[2], "", "the same, without trust in the CA of sp-server")
	return nil
}

// postgres is PostgreSQL, which does not run as the system's administrator. initdb makes its data folder.
func (l *lab) postgres() error {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(found) == 0 {
		return fmt.Errorf("%w: /usr/lib/postgresql/*/bin", exec.ErrNotFound)
	}
	bin, folder := found[len(found)-1], l.folderOf("postgres")
	command, err := as("postgres", []string{
		filepath.Join(bin, "initdb"), "--pgdata=data", "--username=lab", "--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8",
	}, folder, filepath.Join(folder, "server.key"))
	if err != nil {
		return err
	}
	initdb := exec.Command(command[0], command[1:]...)
	initdb.Dir = folder
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	p, ports, err := withPorts(1, func(ports []int) (*process, error) {
		command, err := as("postgres", []string{
			filepath.Join(bin, "postgres"), "-D", "data", "-p", fmt.Sprint(ports[0]), "-c", "listen_addresses=127.0.0.1",
			"-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "ssl=on",
			"-c", "ssl_cert_file=../server.crt", "-c", "ssl_key_file=../server.key",
		})
		if err != nil {
			return nil, err
		}
		return l.spawn("postgres", syscall.SIGINT, command...)
	})
	if err != nil {
		return err
	}
	l.keep(p)
	if _, err := p.saying("database system is ready"); err != nil {
		return err
	}
	l.add(p, "postgres", ports[0], "postgres", "PostgreSQL")
	return nil
}

// mariadb is MariaDB without its system tables, which only accounts need.
func (l *lab) mariadb() error {
	data := filepath.Join(l.folderOf("mariadb"), "data")
	if err := os.Mkdir(data, 0o755); err != nil {
		return err
	}
	p, ports, err := withPorts(1, func(ports []int) (*process, error) {
		command := []string{
			"mariadbd", "--no-defaults", "--datadir=" + data, "--skip-grant-tables", "--bind-address=127.0.0.1", fmt.Sprintf("--port=%d", ports[0]),
			"--socket=mysql.sock", "--ssl-cert=" + l.path("mariadb/server.crt"), "--ssl-key=" + l.path("mariadb/server.key"),
			"--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=8M",
		}
		if os.Geteuid() == 0 {
			command = append(command, "--user=root")
		}
		return l.spawn("mariadb", syscall.SIGTERM, command...)
	})
	if err != nil {
		return err
	}
	l.keep(p)
	l.add(p, "mariadb", ports[0], "mysql", "MariaDB")
	return nil
}

const dovecotConfig = `base_dir = FOLDER/run
state_dir = FOLDER/run
log_path = /dev/stderr
protocols = imap submission
USERSssl = required
ssl_cert = <FOLDER/server.crt
ssl_key = <FOLDER/server.key
ssl_min_protocol = TLSv1.2
submission_relay_host = 127.0.0.1
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = static
  args = uid=65534 gid=65534 home=/nonexistent
}
service anvil {
  chroot =
}
service imap-login {
  chroot =
  inet_listener imap {
    address = 127.0.0.1
    port = PORT0
  }
  inet_listener imaps {
    address = 127.0.0.1
    port = PORT1
    ssl = yes
  }
}
service submission-login {
  chroot =
  inet_listener submission {
    address = 127.0.0.1
    port = PORT2
  }
  inet_listener submissions {
    address = 127.0.0.1
    port = PORT3
    ssl = yes
  }
}
`

// dovecot speaks IMAP and, for mail programs, SMTP.
func (l *lab) dovecot() error {
	users := "" // Debian's accounts
	if os.Geteuid() != 0 {
		account, err := user.Current()
		if err != nil {
			return err
		}
		group, err := user.LookupGroupId(account.Gid)
		if err != nil {
			return err
		}
		users = fmt.Sprintf("default_internal_user = %s\ndefault_internal_group = %s\ndefault_login_user = %[1]s\n", account.Username, group.Name)
	}
	text := strings.Replace(dovecotConfig, "USERS", users, 1)
	p, ports, err := withPorts(4, func(ports []int) (*process, error) {
		if err := l.config("dovecot", "dovecot.conf", text, ports); err != nil {
			return nil, err
		}
		return l.spawn("dovecot", syscall.SIGTERM, "dovecot", "-F", "-c", l.path("dovecot/dovecot.conf"))
	})
	if err != nil {
		return err
	}
	l.keep(p)
	l.add(p, "imap", ports[0], "imap", "Dovecot")
	l.add(p, "imaps", ports[1], "", "Dovecot")
	l.add(p, "smtp", ports[2], "smtp", "Dovecot's submission service")
	l.add(p, "smtps", ports[3], "", "Dovecot's submission service")
	return nil
}
