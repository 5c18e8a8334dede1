package document

import (
	"crypto/sha256"
	"slices"
)

// Stock knows where the certificates of a file are and how many chains need each of them, while the file is changed. U is such a place:
// a block of text, a bag.
type Stock[U comparable] struct {
	places map[[sha256.Size]byte][]U
	chains map[[sha256.Size]byte]int
}

// NewStock makes an empty stock.
func NewStock[U comparable]() *Stock[U] {
	return &Stock[U]{places: map[[sha256.Size]byte][]U{}, chains: map[[sha256.Size]byte]int{}}
}

// Add records that a certificate is at u.
func (s *Stock[U]) Add(der []byte, u U) {
	sum := sha256.Sum256(der)
	s.places[sum] = append(s.places[sum], u)
}

// Remove records that a certificate is no longer at u.
func (s *Stock[U]) Remove(der []byte, u U) {
	sum := sha256.Sum256(der)
	s.places[sum] = slices.DeleteFunc(slices.Clone(s.places[sum]), func(other U) bool { return other == u })
}

// Places returns where a certificate is.
func (s *Stock[U]) Places(der []byte) []U { return s.places[sha256.Sum256(der)] }

// Need counts a chain in.
func (s *Stock[U]) Need(chain [][]byte) { s.count(chain, 1) }

// Release counts a chain out.
func (s *Stock[U]) Release(chain [][]byte) { s.count(chain, -1) }

func (s *Stock[U]) count(chain [][]byte, n int) {
	for _, der := range chain {
		s.chains[sha256.Sum256(der)] += n
	}
}

// Last reports whether a chain needs a certificate that is nowhere but at u.
func (s *Stock[U]) Last(der []byte, u U) bool {
	sum := sha256.Sum256(der)
	return s.chains[sum] > 0 && !slices.ContainsFunc(s.places[sum], func(other U) bool { return other != u })
}

// Spare returns the places of a certificate that are more than its chains need, apart from those that are owned by an entry. Of several it
// returns those that compare puts first.
func (s *Stock[U]) Spare(der []byte, owned func(U) bool, compare func(a, b U) int) []U {
	sum := sha256.Sum256(der)
	free := slices.DeleteFunc(slices.Clone(s.places[sum]), owned)
	slices.SortStableFunc(free, compare)
	return free[:max(0, len(free)-s.chains[sum])]
}
