package pem

import "certkdb/kdb/keyfile"

// FastCodec is the codec with cheap keys.
func FastCodec() keyfile.Codec { return codec(1000) }
