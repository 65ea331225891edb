import tab from "@bomb.sh/tab/commander";
import type { Command } from "commander";
import type { AddCommand } from "../command.js";
import { COMMANDS } from "./table.js";

/** What the script for bash takes from the package bash-completion, for those who do not have it. */
const WITHOUT_BASH_COMPLETION = `if ! type _get_comp_words_by_ref >/dev/null 2>&1; then
    _get_comp_words_by_ref() {
        words=("\${COMP_WORDS[@]}"); cword=$COMP_CWORD; cur=\${words[cword]}; prev=\${words[cword - 1]}
    }
fi
`;

/**
 * `whetstone complete <shell>`: prints a script with which a shell completes commands and options. Shells then ask `whetstone complete -- …`
 * for what fits. To be added last: it tells of the commands that are there.
 */
export const completeCommand: AddCommand = (parent) => {
  for (const each of parent.commands) makePlain(each);
  tab(parent);
  const command = parent.commands.find((each) => each.name() === "complete")!;
  command.summary(COMMANDS.complete.summary).description(COMMANDS.complete.summary);
  command.hook("preAction", ({ args }) => {
    if (args[0] === "bash") process.stdout.write(WITHOUT_BASH_COMPLETION);
  });
  command.addHelpText(
    "after",
    [
      "",
      "Examples:",
      "  whetstone complete bash >> ~/.bashrc",
      "  whetstone complete zsh >> ~/.zshrc",
      "  whetstone complete fish > ~/.config/fish/completions/whetstone.fish",
    ].join("\n"),
  );
};

/**
 * Leaves of descriptions what can stand on one line of a shell: its script puts them through the shell once more, which would run what
 * stands between backticks.
 */
function makePlain(command: Command): void {
  const plain = (text: string): string => text.replace(/[^\p{L}\p{N} ,.:;()/–-]/gu, "").slice(0, 80);
  command.description(plain(command.summary() || command.description()));
  for (const option of command.options) option.description = plain(option.description);
  for (const each of command.commands) makePlain(each);
}
