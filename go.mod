module certkdb

go 1.27.0

toolchain go1.27.4

godebug x509negativeserial=1

// The rules of zlint are in the program certkdb-lint, a module of its own; cfssl needs only the types.
replace (
	github.com/zmap/zcrypto => ./pki/lint/standin/zcrypto
	github.com/zmap/zlint/v3 => ./pki/lint/standin/zlint
)

require (
	github.com/cloudflare/cfssl v1.7.1
	github.com/cloudflare/circl v1.6.5
	github.com/pavlo-v-chernykh/keystore-go/v4 v4.5.0
	github.com/rivo/uniseg v0.4.7
	github.com/rogpeppe/go-internal v1.16.0
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.2
	github.com/urfave/cli/v2 v2.27.7
	go.etcd.io/bbolt v1.5.0
	golang.org/x/crypto v0.59.0
	golang.org/x/crypto/x509roots/fallback v0.0.0-20261030153154-30a33513ff6d
	golang.org/x/net v0.62.0
	golang.org/x/sys v0.50.0
	golang.org/x/term v0.48.0
	golang.org/x/text v0.44.0
	golang.org/x/tools v0.52.0
	software.sslmate.com/src/go-pkcs12 v0.7.4
)

require (
	filippo.io/edwards25519 v1.2.0 // indirect
	github.com/cpuguy83/go-md2man/v2 v2.0.7 // indirect
	github.com/go-logr/logr v1.4.4 // indirect
	github.com/google/certificate-transparency-go v1.1.8 // indirect
	github.com/jmoiron/sqlx v1.3.5 // indirect
	github.com/russross/blackfriday/v2 v2.1.0 // indirect
	github.com/stretchr/testify v1.12.1 // indirect
	github.com/xrash/smetrics v0.0.0-20240521201337-686a1a2994c1 // indirect
	github.com/zmap/zcrypto v0.0.0 // indirect
	github.com/zmap/zlint/v3 v3.5.0 // indirect
	golang.org/x/mod v0.42.0 // indirect
	golang.org/x/sync v0.25.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
	k8s.io/klog/v2 v2.120.1 // indirect
)
