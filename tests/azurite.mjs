// Makes the container that tests of Azure use. Argument: host and port of Azurite.
import { BlobServiceClient } from "@azure/storage-blob";

const KEY =
  "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const account = "devstoreaccount1";
const client = BlobServiceClient.fromConnectionString(
  `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${KEY};` +
    `BlobEndpoint=http://${process.argv[2]}/${account};`,
);
await client.getContainerClient("traces").createIfNotExists();
