// Command inside plays the first process of a container, and the attacker in it.
package main

import (
	"github.com/openclaw-go/openclaw/internal/sandbox/attack"
	"github.com/openclaw-go/openclaw/internal/sandbox/docker"
)

func main() {
	docker.MaybeInside()
	attack.MaybeInside()
}
