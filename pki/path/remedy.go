package path

import (
	"fmt"
	"sync"
)

// Remedy says what would mend a failure, as data: an action, and what it applies to. [Remedy.String] is the only place that makes a
// sentence of it; a front end that knows better words may choose its own by the action.
type Remedy struct {
	Action  Action
	Subject string // of the certificate or CRL that the action is about, "" if it is the certificate that failed
	KeyID   string // the subject key identifier of that certificate, in hexadecimal
	URL     string // where that certificate can be had
}

// Action is what a [Remedy] asks for. The zero value asks for nothing.
type Action uint8

// The actions.
const (
	NoAction Action = iota

	// What the caller can do.
	AddIssuer      // give the certificate of Subject
	AddIssuerByKey // give the issuer's certificate with the key identifier KeyID
	AddRoot        // trust the root that the chain leads to
	TrustRoot      // trust the self-signed certificate at the end of the chain
	TrustSameName  // trust this root too, whose name a trusted one has with another key
	TrustIssuer    // trust the certificate of Subject, or accept partial chains
	TrustAbove     // trust the issuer instead of this certificate
	AcceptPartial  // accept partial chains
	RaiseDepth
	AcceptPolicy
	GiveCRL        // give the current CRL of Subject
	TrustSuccessor // trust the root of Subject, which followed the expired one
	TrustFollower  // get and trust the root that followed the expired one, perhaps that of Subject
	RenewCA        // the owner of the CA of Subject must renew it
	UseOwnHost
	ReissueForName // the certificate must have Subject, a kind and a name, as an alternative name
	UseOwnAddress
	WaitOrSetClock
	FetchAgain
	FetchIssuer

	// What the issuer must do.
	Renew
	Replace
	Reissue
	ReissueCA
	ReissueByCA
	ReissueHigher
	ReissueForPurpose
	ReissueByPurposeCA
	ReissueAsCA
	ReissueWithUsage
	ReissueWithAlgorithm
	ReissueStronger
	ReissueWithSHA256
	ReissueWithLongerKey
	ReissueWithNamedCurve
	ReissueWithOtherKey
	ReissueWithoutExtension
	ReissueWithoutName
	ReissueWithFewerNames
	ReissueWithoutMapping
	ReissueWellFormed
	ReissueAsVersion3
	ReissueByRules
)

// sentences say the actions without their parameters.
var sentences = sync.OnceValue(func() map[Action]string {
	return map[Action]string{
		AddRoot:        "add the root that it leads to as a trusted certificate, if you trust it",
		TrustRoot:      "add it as a trusted certificate, if you trust it",
		TrustSameName:  "the trusted certificate of this name has another key: if you trust this one too, add it as a trusted certificate",
		TrustAbove:     "trust its issuer",
		AcceptPartial:  "accept partial chains, if you trust it",
		RaiseDepth:     "raise the depth limit",
		AcceptPolicy:   "accept another policy, or have the CAs reissued with a common one",
		UseOwnHost:     "use a name that the certificate has, or have it reissued with this one as a subject alternative name",
		UseOwnAddress:  "use one of its addresses, or have it reissued for this one",
		WaitOrSetClock: "wait, or correct the clock",
		FetchAgain:     "get a new copy of the certificate, or the certificate of the issuer that signed it",
		FetchIssuer:    "get the certificate of its issuer",

		Renew:                   "renew it",
		Replace:                 "replace it with a new one",
		Reissue:                 "have it reissued",
		ReissueCA:               "the CA must be reissued",
		ReissueByCA:             "have it issued by a CA",
		ReissueHigher:           "have it issued by a CA higher up, or that CA reissued with a greater path length",
		ReissueForPurpose:       "have it reissued for that purpose",
		ReissueByPurposeCA:      "have it issued by a CA for that purpose",
		ReissueAsCA:             "the CA must be reissued with basic constraints",
		ReissueWithUsage:        "have it reissued with that key usage",
		ReissueWithAlgorithm:    "have it reissued with a supported algorithm",
		ReissueStronger:         "have it reissued with SHA-256 or better and a longer key",
		ReissueWithSHA256:       "have it reissued with SHA-256",
		ReissueWithLongerKey:    "have it reissued with a longer key",
		ReissueWithNamedCurve:   "have it reissued with a named curve",
		ReissueWithOtherKey:     "have it reissued with another key",
		ReissueWithoutExtension: "have it reissued without that extension",
		ReissueWithoutName:      "have it reissued without that name, or by a CA that may issue for it",
		ReissueWithFewerNames:   "have it reissued with fewer names, or its CAs with fewer name constraints",
		ReissueWithoutMapping:   "have the CA reissued without that mapping",
		ReissueWellFormed:       "have it reissued by a CA that encodes it correctly",
		ReissueAsVersion3:       "have it reissued with version 3",
		ReissueByRules:          "have it reissued by these rules",
	}
})

// usual are the actions that mend what breaks a rule, unless the failure itself knows better.
var usual = sync.OnceValue(func() map[Rule]Action {
	return map[Rule]Action{
		RuleSignature: FetchAgain, RuleAlgorithm: ReissueWithAlgorithm, RuleWeak: ReissueStronger, RuleAlgorithmsDiffer: Reissue,
		RuleNameChaining: FetchIssuer, RuleBasicConstraints: ReissueByCA, RulePathLength: ReissueHigher, RuleKeyUsage: ReissueWithUsage,
		RuleExtKeyUsage: ReissueByPurposeCA, RulePurpose: ReissueForPurpose, RuleCritical: ReissueWithoutExtension,
		RuleMalformed: ReissueWellFormed, RuleVersion: ReissueAsVersion3, RuleNameConstraints: ReissueWithoutName, RulePolicy: AcceptPolicy,
		RulePolicyMapping: ReissueWithoutMapping, RuleEmail: UseOwnAddress, RuleHost: UseOwnHost, RuleRevoked: Replace,
		RuleProfile: ReissueByRules, RuleBaseline: ReissueByRules, RuleWork: ReissueWithFewerNames, RuleDepth: RaiseDepth,
	}
})

// String says the remedy in words; "" if there is none.
func (r Remedy) String() string {
	switch r.Action {
	case AddIssuer:
		text := fmt.Sprintf("add the certificate of %q", r.Subject)
		if r.URL != "" {
			text += ", which it says is at " + r.URL
		}
		return text
	case AddIssuerByKey:
		return "its issuer has another key: add the issuer's certificate with the subject key identifier " + r.KeyID
	case TrustIssuer:
		return fmt.Sprintf("trust the certificate of %q, or accept partial chains", r.Subject)
	case TrustSuccessor:
		return fmt.Sprintf("trust its successor %q, or leave the expired cross-certificate out", r.Subject)
	case TrustFollower:
		return fmt.Sprintf("renew it if it is your own CA, else get the root that followed it, such as a self-signed certificate of %q, "+
			"and trust that", r.Subject)
	case RenewCA:
		return fmt.Sprintf("renew it if it is your own CA, else get the current certificate of %q", r.Subject)
	case ReissueForName:
		return "have it reissued with the subject alternative name " + r.Subject
	case GiveCRL:
		return fmt.Sprintf("give the current CRL of %q", r.Subject)
	}
	return sentences()[r.Action]
}
