package config

import "testing"

func TestDefault(t *testing.T) {
	c := Default()
	if got := c.Tools.Exec.Security.V; got != ExecDeny {
		t.Errorf("exec.security is %q, want deny", got)
	}
	if len(c.Agents.All()) != 2 {
		t.Errorf("agents: %v", c.Agents.All())
	}
}
