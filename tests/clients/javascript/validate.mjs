// Reads messages of SNS from its input, one JSON document a line, and prints for each "valid" or why it is not.
//
//     node validate.mjs HOST_PATTERN < documents
import readline from "node:readline";
import MessageValidator from "sns-validator";

const validator = new MessageValidator(new RegExp(process.argv[2]));
for await (const line of readline.createInterface({ input: process.stdin })) {
  await new Promise((resolve) => {
    validator.validate(line, (error) => {
      console.log(error ? error.message : "valid");
      resolve();
    });
  });
}
