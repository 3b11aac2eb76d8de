package posture

import (
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Credential is a secret and a host that it is sent to. A key that an operator
// accepted for one host does not follow a changed address (R26).
type Credential struct {
	// Name is how the configuration refers to the secret, never its value.
	Name string `json:"name"`
	Host string `json:"host"`
}

// Carries reports whether the secret was accepted for the host.
func (p Posture) Carries(c Credential) bool { return slices.Contains(p.Credentials, c) }

// credentials that go to another host than before. One that was not there
// before is a new key, which needs no word.
func (d *diff) credentials(before, next []Credential) {
	for _, n := range gained(before, next) {
		var hosts []string
		for _, b := range before {
			if b.Name == n.Name {
				hosts = append(hosts, b.Host)
			}
		}
		d.add(len(hosts) > 0, "key "+n.Name+" goes to", strings.Join(hosts, ", "), n.Host, claw.ConfigRef{})
	}
}
