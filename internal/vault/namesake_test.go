package vault

import (
	"testing"
)

// A file provider that is called default, as every home has one, does not hide
// the environment; another name means one source.
func TestNamesOfProvidersAreOfASource(t *testing.T) {
	r := New(Options{Env: func(string) (string, bool) { return "value-of-the-variable", true },
		Providers: []Provider{{Name: DefaultProvider, Source: SourceFile, Path: "/nowhere", Mode: ModeJSON}, {Name: "own", Source: SourceFile, Path: "/nowhere", Mode: ModeJSON}}})
	s, err := r.Resolve(t.Context(), "key", Ref{Source: SourceEnv, ID: "NAME"})
	if err != nil || s.Empty() {
		t.Errorf("the environment beside the home's file: %v", err)
	}
	if _, err := r.Resolve(t.Context(), "key", Ref{Source: SourceEnv, Provider: "own", ID: "NAME"}); err == nil {
		t.Error("a file provider answered for the environment")
	}
}
