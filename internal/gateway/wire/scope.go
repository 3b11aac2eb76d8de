package wire

import (
	"slices"
	"strings"
)

// Scope is what a connection may do. A connection without scopes may do
// nothing but stay connected.
type Scope string

// Scopes of the operator role.
const (
	Read      Scope = "operator.read"
	Write     Scope = "operator.write" // implies Read
	Admin     Scope = "operator.admin" // implies all
	Approvals Scope = "operator.approvals"
	Pairing   Scope = "operator.pairing"
)

// RoleOperator is the only role that is built; RoleNode is refused by name.
const (
	RoleOperator = "operator"
	RoleNode     = "node"
)

// AllScopes lists every scope, the widest last.
func AllScopes() []Scope { return []Scope{Read, Write, Approvals, Pairing, Admin} }

// Covers reports whether the scopes in have let s through.
func Covers(have []Scope, s Scope) bool {
	return slices.Contains(have, s) || slices.Contains(have, Admin) ||
		s == Read && slices.Contains(have, Write)
}

// CoversAll reports whether have lets every scope of want through.
func CoversAll(have, want []Scope) bool {
	for _, s := range want {
		if !Covers(have, s) {
			return false
		}
	}
	return true
}

// Narrow splits want into what have covers and the rest, without duplicates.
func Narrow(want, have []Scope) (granted, rest []Scope) {
	for _, s := range want {
		switch {
		case slices.Contains(granted, s) || slices.Contains(rest, s):
		case Covers(have, s):
			granted = append(granted, s)
		default:
			rest = append(rest, s)
		}
	}
	return granted, rest
}

// Known reports whether s is a scope of this gateway.
func Known(s Scope) bool { return slices.Contains(AllScopes(), s) }

// JoinScopes writes scopes as they are signed: in the order given.
func JoinScopes(scopes []Scope) string {
	out := make([]string, len(scopes))
	for i, s := range scopes {
		out[i] = string(s)
	}
	return strings.Join(out, ",")
}
