/**
 * Where the people of a country are: `[latitude, longitude]` in degrees, to one decimal (11 km), by ISO 3166-1 alpha-2
 * code; all 249 that are officially assigned, and XK, which everybody uses for Kosovo.
 *
 * It is the largest metropolitan area, since a caller of whom only the country is known most likely sits near it. The
 * geometric centre would not do: Russia's lies in Siberia and Canada's in Nunavut. Where several large cities lie far
 * apart it is the centre of population instead, as the comment says. A place without inhabitants has its own location.
 */
export const countries: Readonly<Record<string, readonly [latitude: number, longitude: number]>> = {
  AD: [42.5, 1.5], // Andorra la Vella
  AE: [25.2, 55.3], // Dubai
  AF: [34.5, 69.2], // Kabul
  AG: [17.1, -61.8], // St. John's
  AI: [18.2, -63.1], // The Valley
  AL: [41.3, 19.8], // Tirana
  AM: [40.2, 44.5], // Yerevan
  AO: [-8.8, 13.2], // Luanda
  AQ: [-77.8, 166.7], // McMurdo Station
  AR: [-34.6, -58.4], // Buenos Aires
  AS: [-14.3, -170.7], // Pago Pago
  AT: [48.2, 16.4], // Vienna
  AU: [-33.9, 151.2], // Sydney
  AW: [12.5, -70.0], // Oranjestad
  AX: [60.1, 19.9], // Mariehamn
  AZ: [40.4, 49.9], // Baku
  BA: [43.9, 18.4], // Sarajevo
  BB: [13.1, -59.6], // Bridgetown
  BD: [23.8, 90.4], // Dhaka
  BE: [50.8, 4.4], // Brussels
  BF: [12.4, -1.5], // Ouagadougou
  BG: [42.7, 23.3], // Sofia
  BH: [26.2, 50.6], // Manama
  BI: [-3.4, 29.4], // Bujumbura
  BJ: [6.4, 2.4], // Cotonou
  BL: [17.9, -62.8], // Gustavia
  BM: [32.3, -64.8], // Hamilton
  BN: [4.9, 114.9], // Bandar Seri Begawan
  BO: [-17.8, -63.2], // Santa Cruz de la Sierra
  BQ: [12.2, -68.3], // Kralendijk
  BR: [-23.6, -46.6], // São Paulo
  BS: [25.1, -77.3], // Nassau
  BT: [27.5, 89.6], // Thimphu
  BV: [-54.4, 3.4], // the island: uninhabited
  BW: [-24.7, 25.9], // Gaborone
  BY: [53.9, 27.6], // Minsk
  BZ: [17.5, -88.2], // Belize City
  CA: [43.7, -79.4], // Toronto
  CC: [-12.2, 96.8], // West Island
  CD: [-4.3, 15.3], // Kinshasa
  CF: [4.4, 18.6], // Bangui
  CG: [-4.3, 15.3], // Brazzaville
  CH: [47.4, 8.5], // Zurich
  CI: [5.3, -4.0], // Abidjan
  CK: [-21.2, -159.8], // Avarua
  CL: [-33.4, -70.7], // Santiago
  CM: [4.1, 9.7], // Douala
  CN: [32.7, 113.0], // centre of population, in Henan
  CO: [4.7, -74.1], // Bogotá
  CR: [9.9, -84.1], // San José
  CU: [23.1, -82.4], // Havana
  CV: [14.9, -23.5], // Praia
  CW: [12.1, -68.9], // Willemstad
  CX: [-10.4, 105.7], // Flying Fish Cove
  CY: [35.2, 33.4], // Nicosia
  CZ: [50.1, 14.4], // Prague
  DE: [51.1, 9.7], // centre of population, in Hesse
  DJ: [11.6, 43.1], // Djibouti
  DK: [55.7, 12.6], // Copenhagen
  DM: [15.3, -61.4], // Roseau
  DO: [18.5, -69.9], // Santo Domingo
  DZ: [36.8, 3.1], // Algiers
  EC: [-2.2, -79.9], // Guayaquil
  EE: [59.4, 24.8], // Tallinn
  EG: [30.0, 31.2], // Cairo
  EH: [27.2, -13.2], // El Aaiún
  ER: [15.3, 38.9], // Asmara
  ES: [40.4, -3.7], // Madrid
  ET: [9.0, 38.7], // Addis Ababa
  FI: [60.2, 24.9], // Helsinki
  FJ: [-18.1, 178.4], // Suva
  FK: [-51.7, -57.9], // Stanley
  FM: [7.4, 151.8], // Weno
  FO: [62.0, -6.8], // Tórshavn
  FR: [48.9, 2.4], // Paris
  GA: [0.4, 9.5], // Libreville
  GB: [51.5, -0.1], // London
  GD: [12.1, -61.7], // St. George's
  GE: [41.7, 44.8], // Tbilisi
  GF: [4.9, -52.3], // Cayenne
  GG: [49.5, -2.5], // St. Peter Port
  GH: [5.6, -0.2], // Accra
  GI: [36.1, -5.4], // Gibraltar
  GL: [64.2, -51.7], // Nuuk
  GM: [13.4, -16.7], // Serekunda
  GN: [9.6, -13.6], // Conakry
  GP: [16.2, -61.5], // Pointe-à-Pitre
  GQ: [1.9, 9.8], // Bata
  GR: [38.0, 23.7], // Athens
  GS: [-54.3, -36.5], // Grytviken
  GT: [14.6, -90.5], // Guatemala City
  GU: [13.5, 144.8], // Dededo
  GW: [11.9, -15.6], // Bissau
  GY: [6.8, -58.2], // Georgetown
  HK: [22.3, 114.2], // Kowloon
  HM: [-53.1, 73.5], // Heard Island: uninhabited
  HN: [14.1, -87.2], // Tegucigalpa
  HR: [45.8, 16.0], // Zagreb
  HT: [18.5, -72.3], // Port-au-Prince
  HU: [47.5, 19.0], // Budapest
  ID: [-6.2, 106.8], // Jakarta
  IE: [53.3, -6.3], // Dublin
  IL: [32.1, 34.8], // Tel Aviv
  IM: [54.2, -4.5], // Douglas
  IN: [22.5, 79.5], // between Delhi, Mumbai, Kolkata and Bengaluru
  IO: [-7.3, 72.4], // Diego Garcia
  IQ: [33.3, 44.4], // Baghdad
  IR: [35.7, 51.4], // Tehran
  IS: [64.1, -21.9], // Reykjavík
  IT: [45.5, 9.2], // Milan
  JE: [49.2, -2.1], // St. Helier
  JM: [18.0, -76.8], // Kingston
  JO: [31.9, 35.9], // Amman
  JP: [35.7, 139.7], // Tokyo
  KE: [-1.3, 36.8], // Nairobi
  KG: [42.9, 74.6], // Bishkek
  KH: [11.6, 104.9], // Phnom Penh
  KI: [1.3, 173.0], // South Tarawa
  KM: [-11.7, 43.3], // Moroni
  KN: [17.3, -62.7], // Basseterre
  KP: [39.0, 125.8], // Pyongyang
  KR: [37.6, 127.0], // Seoul
  KW: [29.4, 48.0], // Kuwait City
  KY: [19.3, -81.4], // George Town
  KZ: [43.2, 76.9], // Almaty
  LA: [18.0, 102.6], // Vientiane
  LB: [33.9, 35.5], // Beirut
  LC: [14.0, -61.0], // Castries
  LI: [47.2, 9.5], // Schaan
  LK: [6.9, 79.9], // Colombo
  LR: [6.3, -10.8], // Monrovia
  LS: [-29.3, 27.5], // Maseru
  LT: [54.7, 25.3], // Vilnius
  LU: [49.6, 6.1], // Luxembourg
  LV: [56.9, 24.1], // Riga
  LY: [32.9, 13.2], // Tripoli
  MA: [33.6, -7.6], // Casablanca
  MC: [43.7, 7.4], // Monaco
  MD: [47.0, 28.9], // Chișinău
  ME: [42.4, 19.3], // Podgorica
  MF: [18.1, -63.1], // Marigot
  MG: [-18.9, 47.5], // Antananarivo
  MH: [7.1, 171.4], // Majuro
  MK: [42.0, 21.4], // Skopje
  ML: [12.6, -8.0], // Bamako
  MM: [16.8, 96.2], // Yangon
  MN: [47.9, 106.9], // Ulaanbaatar
  MO: [22.2, 113.5], // Macao
  MP: [15.2, 145.7], // Saipan
  MQ: [14.6, -61.1], // Fort-de-France
  MR: [18.1, -16.0], // Nouakchott
  MS: [16.8, -62.2], // Brades
  MT: [35.9, 14.5], // Valletta
  MU: [-20.2, 57.5], // Port Louis
  MV: [4.2, 73.5], // Malé
  MW: [-14.0, 33.8], // Lilongwe
  MX: [19.4, -99.1], // Mexico City
  MY: [3.1, 101.7], // Kuala Lumpur
  MZ: [-26.0, 32.6], // Maputo
  NA: [-22.6, 17.1], // Windhoek
  NC: [-22.3, 166.4], // Nouméa
  NE: [13.5, 2.1], // Niamey
  NF: [-29.0, 168.0], // Kingston
  NG: [6.5, 3.4], // Lagos
  NI: [12.1, -86.3], // Managua
  NL: [52.4, 4.9], // Amsterdam
  NO: [59.9, 10.8], // Oslo
  NP: [27.7, 85.3], // Kathmandu
  NR: [-0.5, 166.9], // Yaren
  NU: [-19.1, -169.9], // Alofi
  NZ: [-36.8, 174.8], // Auckland
  OM: [23.6, 58.4], // Muscat
  PA: [9.0, -79.5], // Panama City
  PE: [-12.0, -77.0], // Lima
  PF: [-17.5, -149.6], // Papeete
  PG: [-9.4, 147.2], // Port Moresby
  PH: [14.6, 121.0], // Manila
  PK: [24.9, 67.0], // Karachi
  PL: [52.2, 21.0], // Warsaw
  PM: [46.8, -56.2], // Saint-Pierre
  PN: [-25.1, -130.1], // Adamstown
  PR: [18.4, -66.1], // San Juan
  PS: [31.5, 34.5], // Gaza
  PT: [38.7, -9.1], // Lisbon
  PW: [7.3, 134.5], // Koror
  PY: [-25.3, -57.6], // Asunción
  QA: [25.3, 51.5], // Doha
  RE: [-20.9, 55.5], // Saint-Denis
  RO: [44.4, 26.1], // Bucharest
  RS: [44.8, 20.5], // Belgrade
  RU: [55.8, 37.6], // Moscow
  RW: [-1.9, 30.1], // Kigali
  SA: [24.7, 46.7], // Riyadh
  SB: [-9.4, 160.0], // Honiara
  SC: [-4.6, 55.5], // Victoria
  SD: [15.6, 32.5], // Khartoum
  SE: [59.3, 18.1], // Stockholm
  SG: [1.3, 103.8], // Singapore
  SH: [-15.9, -5.7], // Jamestown
  SI: [46.1, 14.5], // Ljubljana
  SJ: [78.2, 15.6], // Longyearbyen
  SK: [48.1, 17.1], // Bratislava
  SL: [8.5, -13.2], // Freetown
  SM: [43.9, 12.4], // San Marino
  SN: [14.7, -17.4], // Dakar
  SO: [2.0, 45.3], // Mogadishu
  SR: [5.8, -55.2], // Paramaribo
  SS: [4.9, 31.6], // Juba
  ST: [0.3, 6.7], // São Tomé
  SV: [13.7, -89.2], // San Salvador
  SX: [18.0, -63.0], // Philipsburg
  SY: [33.5, 36.3], // Damascus
  SZ: [-26.5, 31.4], // Manzini
  TC: [21.8, -72.3], // Providenciales
  TD: [12.1, 15.0], // N'Djamena
  TF: [-49.4, 70.2], // Port-aux-Français
  TG: [6.1, 1.2], // Lomé
  TH: [13.8, 100.5], // Bangkok
  TJ: [38.6, 68.8], // Dushanbe
  TK: [-9.2, -171.8], // Nukunonu
  TL: [-8.6, 125.6], // Dili
  TM: [38.0, 58.4], // Ashgabat
  TN: [36.8, 10.2], // Tunis
  TO: [-21.1, -175.2], // Nukuʻalofa
  TR: [41.0, 29.0], // Istanbul
  TT: [10.6, -61.4], // Chaguanas and Port of Spain
  TV: [-8.5, 179.2], // Funafuti
  TW: [25.0, 121.5], // Taipei
  TZ: [-6.8, 39.3], // Dar es Salaam
  UA: [50.5, 30.5], // Kyiv
  UG: [0.3, 32.6], // Kampala
  UM: [19.3, 166.6], // Wake Island
  US: [37.4, -92.3], // centre of population, in Missouri
  UY: [-34.9, -56.2], // Montevideo
  UZ: [41.3, 69.2], // Tashkent
  VA: [41.9, 12.5], // Vatican City
  VC: [13.2, -61.2], // Kingstown
  VE: [10.5, -66.9], // Caracas
  VG: [18.4, -64.6], // Road Town
  VI: [18.3, -64.9], // Charlotte Amalie
  VN: [10.8, 106.7], // Ho Chi Minh City
  VU: [-17.7, 168.3], // Port Vila
  WF: [-13.3, -176.2], // Mata-Utu
  WS: [-13.8, -171.8], // Apia
  XK: [42.7, 21.2], // Pristina
  YE: [15.4, 44.2], // Sanaa
  YT: [-12.8, 45.2], // Mamoudzou
  ZA: [-26.2, 28.0], // Johannesburg
  ZM: [-15.4, 28.3], // Lusaka
  ZW: [-17.8, 31.1], // Harare
};
