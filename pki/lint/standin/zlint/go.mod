// Stands in for zlint in the main program: see zlint.go.
module github.com/zmap/zlint/v3

go 1.27.0

require github.com/zmap/zcrypto v0.0.0

replace github.com/zmap/zcrypto => ../zcrypto
