package policy

import "testing"

// A host that is listed for some paths is open for these and what lies below
// them, and for nothing whose path cannot be seen (DESIGN §6: path scope).
func TestHostPaths(t *testing.T) {
	r := EgressRules{Mode: EgressAllow, Hosts: []HostRule{{Host: "api.example.org", Class: HostWrite, Paths: []string{"/v1/notes", "/up/"}}}}
	for path, want := range map[string]Verdict{
		"/v1/notes": Allow, "/v1/notes/7": Allow, "/up/x": Allow, "/v1/notes/a%20b": Allow,
		"/v1/notesx": Deny, "/v1": Deny, "/": Deny, "/up": Deny, "/V1/notes": Deny,
		"/v1/notes/../admin": Deny, "/v1/notes/%2e%2e/admin": Deny, "/v1/notes/..%2fadmin": Deny, "/v1/notes/./x": Deny,
		"/v1/notes\\..\\admin": Deny, "/v1/notes/;/../x": Deny, "/v1/notes/%252e%252e/x": Deny, "v1/notes": Deny,
		"": Deny, // a tunnel
	} {
		h := Host{Name: "api.example.org", Port: 443, Scheme: "https", Method: "POST", Path: path}
		s := JudgeHost(r, "web_fetch", 0, h)
		if s.Verdict != want || s.Reason == "" {
			t.Errorf("%q: %s (%s), want %s", path, s.Verdict, s.Rule, want)
		}
	}
	// A command line only names the host: its requests are judged one by one.
	if s := JudgeHost(r, "exec", 0, Host{Name: "api.example.org", CarriesData: true}); s.Verdict != Allow {
		t.Errorf("a command line: %s (%s)", s.Verdict, s.Rule)
	}
}
