// Command openclaw is a personal AI-agent gateway.
package main

import (
	"os"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/cli"
)

func main() {
	app.MaybeStage() // a confined run starts here; must come first
	os.Exit(cli.Main(os.Args, os.Stdin, os.Stdout, os.Stderr))
}
