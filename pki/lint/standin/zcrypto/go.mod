// Stands in for zcrypto in the main program: see x509/x509.go.
module github.com/zmap/zcrypto

go 1.27.0
