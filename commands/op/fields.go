package op

// Field is a parameter of an operation. Front ends call it as their options are called.
type Field string

// The parameters that errors name.
const (
	FieldPassword         Field = "password"
	FieldNewPassword      Field = "new-password"
	FieldInPassword       Field = "in-password"
	FieldOutPassword      Field = "out-password"
	FieldToPassword       Field = "to-password"
	FieldCAPassword       Field = "ca-password"
	FieldCARemoteKey      Field = "ca-remote-key"
	FieldKeyPassword      Field = "in-key-password"
	FieldGeneratePassword Field = "generate-password"
	FieldPasswordOut      Field = "password-out"
	FieldWithStash        Field = "with-stash"

	FieldLabel        Field = "label"  // the entry, or the label for a new one
	FieldLabels       Field = "labels" // several
	FieldAll          Field = "all"    // every entry
	FieldFile         Field = "file"   // an input
	FieldFiles        Field = "files"
	FieldTo           Field = "to"   // the target of a copy
	FieldFrom         Field = "from" // where something is removed
	FieldOut          Field = "out"  // an output file
	FieldMode         Field = "mode" // its rights
	FieldOwner        Field = "owner"
	FieldGroup        Field = "group"
	FieldFormat       Field = "format" // of an output
	FieldIfExists     Field = "if-exists"
	FieldDamaged      Field = "damaged"
	FieldSkipDamaged  Field = "skip-damaged"
	FieldKey          Field = "key"
	FieldCertificates Field = "certificates"
	FieldTrusted      Field = "trusted"
	FieldTrust        Field = "trust"
	FieldNoTrust      Field = "no-trust"
	FieldExclusive    Field = "exclusive"
	FieldSkipInvalid  Field = "skip-invalid"
	FieldOnly         Field = "only"
	FieldChain        Field = "chain"
	FieldFullChain    Field = "fullchain"
	FieldCert         Field = "cert"
	FieldP12          Field = "p12"
	FieldJKS          Field = "jks"
	FieldCombined     Field = "combined"
	FieldTraditional  Field = "traditional"
	FieldPattern      Field = "pattern"
	FieldKind         Field = "kind"
	FieldExpect       Field = "expect"
	FieldSort         Field = "sort"
	FieldText         Field = "text" // what is looked for

	FieldCA           Field = "ca"
	FieldCARemote     Field = "ca-remote"
	FieldSubject      Field = "subject"
	FieldDN           Field = "dn"
	FieldCommonName   Field = "cn"
	FieldSAN          Field = "san"
	FieldPermit       Field = "permit"
	FieldExclude      Field = "exclude"
	FieldKeyType      Field = "key-type"
	FieldReuseKey     Field = "reuse-key"
	FieldDays         Field = "days"
	FieldNotBefore    Field = "not-before"
	FieldNotAfter     Field = "not-after"
	FieldProfile      Field = "profile"
	FieldType         Field = "type"
	FieldReason       Field = "reason"
	FieldInvalidSince Field = "invalid-since"
	FieldProfileFile  Field = "profile-file"
	FieldIsCA         Field = "is-ca"
	FieldPathLen      Field = "path-len"
	FieldKeyUsage     Field = "ku"
	FieldExtKeyUsage  Field = "eku"
	FieldPolicy       Field = "policy"
	FieldCRLURL       Field = "crl-url"
	FieldOCSPURL      Field = "ocsp-url"
	FieldIssuerURL    Field = "issuer-url"
	FieldPreserve     Field = "preserve"
	FieldSerial       Field = "serial"
	FieldNumber       Field = "number"
	FieldRevoke       Field = "revoke"
	FieldNewKey       Field = "new-key"
	FieldExtension    Field = "extension"
	FieldMustStaple   Field = "must-staple"
	FieldRenew        Field = "renew"
	FieldHost         Field = "host"
	FieldPurpose      Field = "purpose"
	FieldAt           Field = "at"
	FieldOnlyTrust    Field = "only-trust"
	FieldMaxDepth     Field = "max-depth"

	FieldTargets     Field = "targets" // servers to connect to
	FieldStartTLS    Field = "starttls"
	FieldMinTLS      Field = "min-tls"
	FieldSave        Field = "save"
	FieldSaveChain   Field = "save-chain"
	FieldFingerprint Field = "fingerprint"
	FieldReplace     Field = "replace"
	FieldExisting    Field = "existing"
	FieldAccept      Field = "accept"
	FieldOptions     Field = "options" // an options file
	FieldServer      Field = "server"  // a name in it
	FieldServerLevel Field = "server-level"
	FieldClientLevel Field = "client-level"
	FieldUseCase     Field = "use-case"
	FieldPeerOptions Field = "server-options"
)
