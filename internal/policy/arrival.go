package policy

import "github.com/openclaw-go/openclaw/internal/claw"

// Arrives are the labels that a message brings by who sent it: whoever is not
// the owner is outside, and so is text that came through a program's
// interface, whoever holds the credential.
func Arrives(p claw.Principal) claw.Labels {
	if p.Standing != claw.Owner || Outside(p.Surface) {
		return claw.Untrusted
	}
	return 0
}

// Outside reports whether what comes through a surface is written by nobody we
// know. Jobs and other agents bring the labels of who wrote them.
func Outside(s claw.Surface) bool {
	switch s {
	case claw.SurfaceCLI, claw.SurfaceWebchat, claw.SurfaceChannel, claw.SurfaceCron, claw.SurfaceAgent:
		return false
	case claw.SurfaceUnknown, claw.SurfaceHook, claw.SurfaceAPI:
		return true
	}
	return true
}

// OwnersRead reports whether nobody but owners can read a reply to p. Of a
// channel's conversation that is not known here.
func OwnersRead(p claw.Principal) bool {
	if p.Standing != claw.Owner || p.Channel != "" {
		return false
	}
	switch p.Surface {
	case claw.SurfaceCLI, claw.SurfaceWebchat, claw.SurfaceAPI, claw.SurfaceCron:
		return true
	case claw.SurfaceUnknown, claw.SurfaceChannel, claw.SurfaceHook, claw.SurfaceAgent:
		return false
	}
	return false
}
